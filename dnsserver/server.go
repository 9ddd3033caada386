package dnsserver

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/miekg/dns"

	"meridian/snapshot"
	"meridian/zones"
)

// Options says what to serve, where, and within which limits.
type Options struct {
	// Listen has the addresses to answer on, each over UDP and TCP. Port 0 takes a port that is free for both. An
	// unspecified address answers from whichever address of the host was asked; [::] is IPv6 only.
	Listen []netip.AddrPort
	// Workers is how many packet loops each address has, each with a socket and a thread of its own. 0: one a core.
	Workers int
	// Snapshot holds what is served. Queries before the first one is published get SERVFAIL.
	Snapshot *snapshot.Current
	// NodeName answers the NSID option (RFC 5001), at most MaxNodeName bytes. Empty: it isn't answered.
	NodeName string
	Chaos    Chaos
	TCP      TCPLimits
	// Log gets what an operator must know; never a line for a query. nil: slog.Default.
	Log *slog.Logger
}

// MaxNodeName is the longest node name: with it, an answer that is cut still fits in 512 bytes.
const MaxNodeName = 128

// Chaos has the answers to TXT questions of class CH. What is empty is REFUSED.
type Chaos struct {
	ID      string // id.server (RFC 4892) and hostname.bind; at most 255 bytes
	Version string // version.bind and version.server; at most 255 bytes
}

// TCPLimits bounds what TCP clients can take. The zero value means the defaults.
type TCPLimits struct {
	Connections int           // at once; a new one over it takes the place of the one idle longest. 0: 2,048, or half the descriptors that the process may have
	PerSource   int           // at once from one IPv4 address or one IPv6 /64; a new one over it is closed. 0: 256
	Idle        time.Duration // for a whole query to arrive, and between queries (RFC 7766, section 6.2.3). 0: 10 s
}

// BindError says that an address isn't to be had.
type BindError struct {
	Network string // udp, tcp
	Addr    netip.AddrPort
	Holder  string // who has it, as in "named (pid 812)"; empty: not known
	Err     error
}

func (e *BindError) Error() string {
	s := fmt.Sprintf("can't listen on %s %s: %v", e.Network, e.Addr, e.Err)
	if e.Holder != "" {
		s += "; it is held by " + e.Holder
	}
	return s
}

func (e *BindError) Unwrap() error { return e.Err }

// ErrClosed is returned by Rebind and Serve after Shutdown.
var ErrClosed = errors.New("the DNS server is shut down")

// Server answers queries. Its life is Listen, Serve, Shutdown; it is not used again.
type Server struct {
	options  Options
	id       identity
	streams  *streams
	closed   chan struct{} // by Shutdown, when all have ended
	workers  sync.WaitGroup
	shutting atomic.Bool

	sampling sync.Mutex // held by the reader of samples

	mu        sync.Mutex
	serving   bool
	listeners []*listener
	counters  []*counters // all there ever were: counts don't fall when an address is given up
	free      []*counters // those that no worker uses now
}

// listener is one address: a TCP listener, and a UDP socket for each worker.
type listener struct {
	asked  netip.AddrPort // as configured
	addr   netip.AddrPort // with the port that it got
	stream streamListener
	udp    []*packetSocket
	stop   atomic.Bool
}

// Listen binds all addresses and answers nobody yet. If one can't be bound none is, and the error is a *BindError.
func Listen(ctx context.Context, o Options) (*Server, error) {
	if o.Workers <= 0 {
		o.Workers = runtime.NumCPU()
	}
	if o.Log == nil {
		o.Log = slog.Default()
	}
	if len(o.NodeName) > MaxNodeName {
		return nil, fmt.Errorf("the node name is %d bytes long; at most %d are possible", len(o.NodeName), MaxNodeName)
	}
	id, err := newIdentity(o.NodeName, o.Chaos)
	if err != nil {
		return nil, err
	}
	s := &Server{options: o, id: id, closed: make(chan struct{})}
	if s.streams, err = newStreams(o.TCP, o.Workers, s.streamResponder); err != nil {
		return nil, err
	}
	if s.listeners, err = s.bindAll(ctx, o.Listen); err != nil {
		s.streams.wait() // for nothing: it gives back what they hold
		return nil, err
	}
	return s, nil
}

func newIdentity(node string, c Chaos) (identity, error) {
	id := identity{nsid: []byte(node)}
	var err error
	if id.id, err = chaosTXT("id.server.", c.ID); err != nil {
		return identity{}, err
	}
	if id.version, err = chaosTXT("version.bind.", c.Version); err != nil {
		return identity{}, err
	}
	return id, nil
}

func chaosTXT(name, text string) (*zones.RRset, error) {
	if text == "" {
		return nil, nil
	}
	if len(text) > 255 {
		return nil, fmt.Errorf("the text for %s is %d bytes long; at most 255 are possible", name, len(text))
	}
	return zones.NewRRset(name, []dns.RR{&dns.TXT{
		Hdr: dns.RR_Header{Name: name, Rrtype: dns.TypeTXT, Class: dns.ClassCHAOS},
		Txt: []string{text},
	}})
}

func (s *Server) responder(c *counters) *responder {
	return newResponder(s.options.Snapshot, &s.id, c, s.options.Log)
}

// Addrs returns the addresses in use, with the ports that port 0 got.
func (s *Server) Addrs() []netip.AddrPort {
	s.mu.Lock()
	defer s.mu.Unlock()
	var as []netip.AddrPort
	for _, l := range s.listeners {
		as = append(as, l.addr)
	}
	return as
}

// Threads returns how many threads the packet loops keep to themselves, mostly in system calls that Go's scheduler
// isn't told of. A process in which other things go on wants GOMAXPROCS above that by the number of its cores.
func (s *Server) Threads() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := s.streams.threads()
	for _, l := range s.listeners {
		n += len(l.udp)
	}
	return n
}

// Serve answers queries until Shutdown, and returns nil when the last answer is out.
func (s *Server) Serve() error {
	s.mu.Lock()
	if s.serving || s.shutting.Load() {
		s.mu.Unlock()
		return ErrClosed
	}
	s.serving = true
	s.streams.start()
	for _, l := range s.listeners {
		s.start(l)
	}
	s.mu.Unlock()
	<-s.closed
	return nil
}

// start begins to answer on l. The caller holds s.mu.
func (s *Server) start(l *listener) {
	if err := s.streams.listen(l.stream); err != nil {
		s.options.Log.Error("TCP can't be served", "listen", l.addr, "error", err.Error())
	}
	for _, socket := range l.udp {
		c := s.takeCounters(udp)
		s.workers.Go(func() {
			socket.serve(s.responder(c), &l.stop)
			s.giveCounters(c)
		})
	}
}

// streamResponder returns a responder for TCP, with counters of its own.
func (s *Server) streamResponder() *responder {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.responder(s.takeCounters(tcp))
}

// takeCounters returns counters that nobody uses. The caller holds s.mu.
func (s *Server) takeCounters(p proto) *counters {
	for i, c := range s.free {
		if c.proto == p {
			s.free = slices.Delete(s.free, i, i+1)
			return c
		}
	}
	c := &counters{proto: p, samples: new(samples)}
	s.counters = append(s.counters, c)
	return c
}

func (s *Server) giveCounters(c *counters) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.free = append(s.free, c)
}

// Rebind changes the addresses. Those that stay are not touched; the new ones are all bound before an old one is
// closed, and if one can't be bound nothing changes and the error is a *BindError.
func (s *Server) Rebind(ctx context.Context, addrs []netip.AddrPort) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.shutting.Load() {
		return ErrClosed
	}
	var kept, gone []*listener
	var missing []netip.AddrPort
	for _, l := range s.listeners {
		if slices.Contains(addrs, l.asked) {
			kept = append(kept, l)
		} else {
			gone = append(gone, l)
		}
	}
	for _, a := range addrs {
		if !slices.ContainsFunc(s.listeners, func(l *listener) bool { return l.asked == a }) {
			missing = append(missing, a)
		}
	}
	added, err := s.bindAll(ctx, missing)
	if err != nil {
		return err
	}
	s.listeners = slices.Concat(kept, added)
	for _, l := range gone {
		s.end(l)
	}
	if s.serving {
		for _, l := range added {
			s.start(l)
		}
	}
	return nil
}

// end stops l. Workers that run close their sockets themselves, after the last answer.
func (s *Server) end(l *listener) {
	l.stop.Store(true)
	s.streams.ignore(l.stream)
	if !s.serving {
		l.closePackets()
	}
}

// Shutdown stops to read queries, lets those that have arrived be answered, and closes everything. When ctx ends
// first the TCP connections that are left are cut, and its error is returned.
func (s *Server) Shutdown(ctx context.Context) error {
	s.mu.Lock()
	if s.shutting.Swap(true) {
		s.mu.Unlock()
		<-s.closed
		return nil
	}
	for _, l := range s.listeners {
		s.end(l)
	}
	s.mu.Unlock()
	s.streams.drain()
	ended := make(chan struct{})
	go func() {
		s.workers.Wait()
		s.streams.wait()
		close(ended)
	}()
	defer close(s.closed)
	select {
	case <-ended:
		return nil
	case <-ctx.Done():
		s.streams.abort()
		<-ended
		return ctx.Err()
	}
}

// Stats sums up what all workers have counted.
func (s *Server) Stats() Stats {
	s.mu.Lock()
	all := slices.Clone(s.counters)
	s.mu.Unlock()
	st := sum(all)
	st.Open = s.streams.open()
	return st
}
