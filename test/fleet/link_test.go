package fleet

import (
	"io"
	"net"
	"sync"
	"testing"
	"time"
)

// link is one process's way to Redis: a TCP proxy that can be cut, and that can take its time.
type link struct {
	Addr string

	listener net.Listener
	to       string
	done     sync.WaitGroup

	mu    sync.Mutex
	cut   bool
	delay time.Duration // of everything that Redis says
	open  map[net.Conn]struct{}
}

// newLink forwards what comes in at listener to an address, until the test ends.
func newLink(t testing.TB, listener net.Listener, to string) *link {
	t.Helper()
	l := &link{Addr: listener.Addr().String(), listener: listener, to: to, open: map[net.Conn]struct{}{}}
	l.done.Go(l.accept)
	t.Cleanup(func() {
		listener.Close()
		l.Cut()
		l.done.Wait()
	})
	return l
}

// Cut closes what is open and lets nothing through any more.
func (l *link) Cut() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.cut = true
	for c := range l.open {
		c.Close()
	}
}

// Mend ends Cut and Delay.
func (l *link) Mend() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.cut, l.delay = false, 0
}

// Delay makes everything that Redis says come later by d.
func (l *link) Delay(d time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.delay = d
}

func (l *link) accept() {
	for {
		in, err := l.listener.Accept()
		if err != nil {
			return
		}
		l.done.Go(func() { l.carry(in) })
	}
}

// carry connects in with the other side until either ends or the link is cut.
func (l *link) carry(in net.Conn) {
	defer in.Close()
	if !l.keep(in) {
		return
	}
	defer l.drop(in)
	out, err := net.Dial("tcp", l.to)
	if err != nil {
		return
	}
	defer out.Close()
	var answers sync.WaitGroup
	answers.Go(func() {
		l.copyLate(in, out)
		in.Close()
	})
	_, _ = io.Copy(out, in) // ends with either side
	out.Close()
	answers.Wait()
}

// copyLate copies what Redis says, later than it says it by the delay.
func (l *link) copyLate(to io.Writer, from io.Reader) {
	type piece struct {
		data []byte
		at   time.Time
	}
	pieces := make(chan piece, 1024)
	go func() {
		defer close(pieces)
		for {
			data := make([]byte, 32<<10)
			n, err := from.Read(data)
			if n > 0 {
				pieces <- piece{data[:n], time.Now()}
			}
			if err != nil {
				return
			}
		}
	}()
	var failed error
	for p := range pieces {
		l.mu.Lock()
		due := p.at.Add(l.delay)
		l.mu.Unlock()
		if failed == nil {
			<-time.After(time.Until(due))
			_, failed = to.Write(p.data)
		}
	}
}

func (l *link) keep(c net.Conn) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.cut {
		l.open[c] = struct{}{}
	}
	return !l.cut
}

func (l *link) drop(c net.Conn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.open, c)
}

// babble answers whatever comes to address with the same text: a Redis that isn't one. quiet ends it.
func babble(t testing.TB, address, text string) (quiet func()) {
	t.Helper()
	listener, err := net.Listen("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	open := map[net.Conn]struct{}{}
	var done sync.WaitGroup
	talk := func(c net.Conn) {
		question := make([]byte, 4096)
		for {
			if _, err := c.Read(question); err != nil {
				return
			}
			if _, err := io.WriteString(c, text); err != nil {
				return
			}
		}
	}
	done.Go(func() {
		for {
			c, err := listener.Accept()
			if err != nil {
				return
			}
			mu.Lock()
			open[c] = struct{}{}
			mu.Unlock()
			done.Go(func() { talk(c) })
		}
	})
	quiet = sync.OnceFunc(func() {
		listener.Close()
		mu.Lock()
		for c := range open {
			c.Close()
		}
		mu.Unlock()
		done.Wait()
	})
	t.Cleanup(quiet)
	return quiet
}
