package fleet

import (
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/miekg/dns"

	"meridian/test/harness"
)

const (
	loadInterval = 5 * time.Millisecond // between two queries to one server: 200/s
	lostAfter    = 5 * time.Second      // a query without an answer; on loopback nothing is lost but by the server
)

// The questions of the load: the service, and a name that has nothing to do with health.
const (
	service    = "www.fleet.test."
	static     = "ns1.fleet.test."
	staticAddr = "192.0.2.53"
)

// load asks a server again and again, and holds each answer against what may be answered at that moment.
type load struct {
	t       testing.TB
	server  string // whom it asks, for messages
	conn    net.Conn
	halt    chan struct{}
	asking  sync.WaitGroup
	hearing sync.WaitGroup

	mu      sync.Mutex
	allowed []string          // addresses of the service
	asked   map[uint16]*asked // without an answer so far
	answers map[string]int    // by address
	sent    int
	wrong   []string
}

type asked struct {
	name    string
	at      time.Time
	allowed []string // when it was asked
}

// startLoad starts a load over conn, whose other end must answer with one of allowed. The test fails when it ends if an
// answer was wrong or is missing.
func startLoad(t testing.TB, server string, conn net.Conn, allowed ...string) *load {
	l := &load{t: t, server: server, conn: conn, halt: make(chan struct{}), allowed: allowed,
		asked: map[uint16]*asked{}, answers: map[string]int{}}
	l.asking.Go(l.ask)
	l.hearing.Go(l.listen)
	return l
}

// Allow replaces the addresses that may be answered from now on. Queries under way may be answered either way.
func (l *load) Allow(addresses ...string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.allowed = addresses
	for _, q := range l.asked {
		q.allowed = slices.Concat(q.allowed, addresses)
	}
}

func (l *load) ask() {
	every := time.NewTicker(loadInterval)
	defer every.Stop()
	query := new(dns.Msg)
	for id := uint16(1); ; id++ {
		select {
		case <-l.halt:
			return
		case <-every.C:
		}
		name := service
		if id%4 == 0 {
			name = static
		}
		query.SetQuestion(name, dns.TypeA)
		query.Id = id
		packet, err := query.Pack()
		if err != nil {
			l.t.Error(err)
			return
		}
		l.mu.Lock()
		if old := l.asked[id]; old != nil {
			l.complain("no answer to %s within %v", old.name, time.Since(old.at))
		}
		l.asked[id] = &asked{name, time.Now(), l.allowed}
		l.sent++
		l.mu.Unlock()
		if _, err := l.conn.Write(packet); err != nil {
			l.mu.Lock()
			l.complain("%v", err)
			delete(l.asked, id)
			l.mu.Unlock()
		}
	}
}

func (l *load) listen() {
	packet := make([]byte, 4096)
	reply := new(dns.Msg)
	for {
		n, err := l.conn.Read(packet)
		if err != nil {
			select {
			case <-l.halt:
				return
			default:
			}
			l.mu.Lock()
			l.complain("%v", err)
			l.mu.Unlock()
			<-time.After(loadInterval)
			continue
		}
		if err := reply.Unpack(packet[:n]); err != nil {
			l.mu.Lock()
			l.complain("%v", err)
			l.mu.Unlock()
			continue
		}
		l.judge(reply)
	}
}

func (l *load) judge(reply *dns.Msg) {
	l.mu.Lock()
	defer l.mu.Unlock()
	q := l.asked[reply.Id]
	if q == nil {
		l.complain("an answer that nobody asked for: %v", reply)
		return
	}
	delete(l.asked, reply.Id)
	if took := time.Since(q.at); took > lostAfter {
		l.complain("%s was answered only after %v", q.name, took)
	}
	answer := ""
	if len(reply.Answer) == 1 {
		if a, ok := reply.Answer[0].(*dns.A); ok {
			answer = a.A.String()
		}
	}
	l.answers[answer]++
	allowed := q.allowed
	if q.name == static {
		allowed = []string{staticAddr}
	}
	if reply.Rcode != dns.RcodeSuccess || !reply.Authoritative || !slices.Contains(allowed, answer) {
		l.complain("%s: %s %q, want %s", q.name, dns.RcodeToString[reply.Rcode], answer, strings.Join(allowed, " or "))
	}
}

// complain notes what was wrong. It is called with mu held.
func (l *load) complain(format string, args ...any) {
	l.wrong = append(l.wrong, time.Now().Format("15:04:05.000 ")+fmt.Sprintf(format, args...))
}

// Stop asks nothing more, waits for what is still to come, and fails the test unless every answer was right.
func (l *load) Stop() {
	l.t.Helper()
	select {
	case <-l.halt:
		return // stopped already
	default:
	}
	close(l.halt)
	l.asking.Wait()
	late := harness.Within(lostAfter, func() string {
		l.mu.Lock()
		defer l.mu.Unlock()
		if n := len(l.asked); n > 0 {
			return fmt.Sprintf("%d queries have no answer", n)
		}
		return ""
	})
	l.conn.Close()
	l.hearing.Wait()
	l.mu.Lock()
	defer l.mu.Unlock()
	if late != "" {
		l.complain("%s", late)
	}
	if l.sent == 0 {
		l.complain("nothing was asked")
	}
	for i, w := range l.wrong {
		if i == 20 {
			l.t.Errorf("%s: … and %d more", l.server, len(l.wrong)-i)
			break
		}
		l.t.Errorf("%s: %s", l.server, w)
	}
	l.t.Logf("%s: %d queries, %d wrong or lost; answers %v", l.server, l.sent, len(l.wrong), l.answers)
}
