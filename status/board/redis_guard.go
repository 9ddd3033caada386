package board

import (
	"errors"
	"fmt"
	"net"
	"syscall"
)

// What a reply may be at most. The client that reads it allocates what a reply's header announces, before it comes:
// "$9999999999" must never get that far.
const (
	maxLine  = 64 << 10  // bytes of a status, an error, a number
	maxBulk  = 32 << 20  // bytes of one string
	maxItems = 1 << 17   // elements of one array
	maxDepth = 16        // arrays in arrays
	maxReply = 128 << 20 // bytes of one reply with all that is in it
)

var (
	errNotRedis = errors.New("not Redis's protocol")
	errTooMuch  = errors.New("the reply is too large")
)

// guard returns conn with a watch on what is read from it.
func guard(conn net.Conn) net.Conn {
	g := guardedConn{Conn: conn}
	if sys, ok := conn.(syscall.Conn); ok {
		return &guardedSocket{g, sys}
	}
	return &g
}

// guardedConn reads Redis's protocol along with the client, and fails before a header that announces too much, or
// that is none, is passed on. It costs one look at each header and none at what is inside strings.
type guardedConn struct {
	net.Conn
	watch respWatch
	err   error
}

// guardedSocket lets the client look whether an idle connection has been closed.
type guardedSocket struct {
	guardedConn
	sys syscall.Conn
}

func (g *guardedSocket) SyscallConn() (syscall.RawConn, error) { return g.sys.SyscallConn() }

func (g *guardedConn) Read(p []byte) (int, error) {
	if g.err != nil {
		return 0, g.err
	}
	n, err := g.Conn.Read(p)
	if g.err = g.watch.pass(p[:n]); g.err != nil {
		return 0, g.err
	}
	return n, err
}

// respWatch follows a stream of RESP 2 and 3 replies. The zero value stands before the first.
type respWatch struct {
	skip   int             // bytes of a string, with its line end, that are still to come
	kind   byte            // of the header that is being read; 0: its first byte is still to come
	line   int             // bytes of the header so far
	number int64           // that the header of a string or array announces
	minus  bool            // the number is negative
	open   [maxDepth]int64 // elements that are still to come, of each array that is open
	depth  int
	size   int // bytes of the whole reply so far
}

// pass takes in what was read. It returns an error with the first byte that makes a reply impossible or too large.
func (w *respWatch) pass(p []byte) error {
	for i := 0; i < len(p); {
		if w.skip > 0 {
			n := min(w.skip, len(p)-i)
			i, w.skip, w.size = i+n, w.skip-n, w.size+n
			if w.skip == 0 {
				w.ended()
			}
			continue
		}
		if err := w.header(p[i]); err != nil {
			return err
		}
		i++
	}
	if w.size > maxReply {
		return fmt.Errorf("%w: more than %d bytes", errTooMuch, maxReply)
	}
	return nil
}

// header takes in one byte of a header: its kind, then a number or text, then the line end.
func (w *respWatch) header(b byte) error {
	w.size++
	if w.kind == 0 {
		switch b {
		case '+', '-', ':', '_', '#', ',', '(', '$', '!', '=', '*', '~', '>', '%', '|':
			w.kind, w.line, w.number, w.minus = b, 0, 0, false
			return nil
		}
		return fmt.Errorf("%w: a reply begins with %q", errNotRedis, b)
	}
	if w.line++; w.line > maxLine {
		return fmt.Errorf("%w: a line without end", errTooMuch)
	}
	if b == '\n' {
		return w.headed()
	}
	switch w.kind {
	case '$', '!', '=', '*', '~', '>', '%', '|':
		return w.digit(b)
	}
	return nil
}

// digit takes in one byte of a length.
func (w *respWatch) digit(b byte) error {
	switch {
	case b == '\r':
	case b == '-' && w.line == 1:
		w.minus = true
	case b >= '0' && b <= '9':
		w.number = w.number*10 + int64(b-'0')
		limit := int64(maxItems)
		if w.kind == '$' || w.kind == '!' || w.kind == '=' {
			limit = maxBulk
		}
		if w.number > limit {
			return fmt.Errorf("%w: a length of more than %d", errTooMuch, limit)
		}
	default:
		return fmt.Errorf("%w: %q in a length", errNotRedis, b)
	}
	return nil
}

// headed follows what a whole header begins.
func (w *respWatch) headed() error {
	kind, n := w.kind, w.number
	w.kind = 0
	if w.minus {
		if n != 1 {
			return fmt.Errorf("%w: a length of -%d", errNotRedis, n)
		}
		w.ended()
		return nil
	}
	switch kind {
	case '$', '!', '=':
		w.skip = int(n) + 2
		return nil
	case '%', '|':
		n *= 2
		fallthrough
	case '*', '~', '>':
		if kind == '|' {
			n++ // attributes stand before the reply that they are about
		}
		if n == 0 {
			break
		}
		if w.depth == maxDepth {
			return fmt.Errorf("%w: arrays %d deep", errTooMuch, maxDepth)
		}
		w.open[w.depth] = n
		w.depth++
		return nil
	}
	w.ended()
	return nil
}

// ended counts an element that is complete, and the arrays that it completes.
func (w *respWatch) ended() {
	for w.depth > 0 {
		if w.open[w.depth-1]--; w.open[w.depth-1] > 0 {
			return
		}
		w.depth--
	}
	w.size = 0
}
