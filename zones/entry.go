package zones

import "bytes"

// entry is one entry of a master file (RFC 1035 section 5.1): a line, or several held together by parentheses.
type entry struct {
	text  []byte // with its final newline
	line  int    // where it begins, from 1
	fault string // what is wrong with its quotes or parentheses; empty: nothing
	at    int    // offset of the fault in text
}

// scanner cuts a master file into entries, so that a bad one costs only itself: miekg's parser stops at its first
// error. It knows of quotes, escapes, comments and parentheses what that parser knows, and one rule more: a quoted
// string ends on its line.
type scanner struct {
	text []byte // the rest of the file, with a final newline
	line int    // of the first octet of text
}

func newScanner(text []byte) *scanner {
	text = bytes.TrimPrefix(text, []byte("\xef\xbb\xbf")) // the byte order mark of some editors
	if n := len(text); n > 0 && text[n-1] != '\n' {
		text = append(text[:n:n], '\n')
	}
	return &scanner{text: text, line: 1}
}

// next returns the next entry that isn't blank or only a comment. After an unclosed parenthesis there is none: what
// belongs to it can't be told.
func (s *scanner) next() (entry, bool) {
	for len(s.text) > 0 {
		e := s.scan()
		if len(e.text) == 0 {
			continue
		}
		return e, true
	}
	return entry{}, false
}

// scan cuts off the first entry. Its text is empty if it has nothing but blanks and comments.
func (s *scanner) scan() entry {
	e := entry{line: s.line}
	var (
		quote, open              = -1, -1 // offsets of the open quote and of the outermost open parenthesis
		depth                    int
		escaped, comment, filled bool
	)
	fault := func(at int, text string) {
		if e.fault == "" {
			e.at, e.fault = at, text
		}
	}
	for i, c := range s.text {
		if c == '\n' {
			s.line++
			if quote >= 0 {
				fault(quote, `the quoted string isn't closed on its line`)
				quote = -1
			}
			escaped, comment = false, false
			if depth > 0 {
				continue
			}
			if filled {
				e.text = s.text[:i+1]
			}
			s.text = s.text[i+1:]
			return e
		}
		switch {
		case comment:
		case escaped:
			escaped = false
		case c == '\\':
			escaped, filled = true, true
		case c == '"':
			filled = true
			if quote < 0 {
				quote = i
			} else {
				quote = -1
			}
		case quote >= 0:
		case c == ';':
			comment = true
		case c == '(':
			if depth++; depth == 1 {
				open = i
			}
			filled = true
		case c == ')':
			if depth--; depth < 0 {
				fault(i, `")" without "("`)
				depth = 0
			}
			filled = true
		case c != ' ' && c != '\t' && c != '\r':
			filled = true
		}
	}
	// Only an open parenthesis leads here: the text ends in a newline.
	fault(open, `"(" is never closed; the file was read no further`)
	e.text, s.text = s.text, nil
	return e
}

// position returns line and column (from 1) of an offset in the entry's text.
func (e *entry) position(offset int) (line, col int) {
	before := e.text[:offset]
	return e.line + bytes.Count(before, []byte{'\n'}), offset - bytes.LastIndexByte(before, '\n')
}

// lineText returns the n-th line (from 1) of the entry, without its newline; nil if it has none such.
func (e *entry) lineText(n int) []byte {
	rest := e.text
	for ; n > 1; n-- {
		i := bytes.IndexByte(rest, '\n')
		if i < 0 {
			return nil
		}
		rest = rest[i+1:]
	}
	if i := bytes.IndexByte(rest, '\n'); i >= 0 {
		rest = rest[:i]
	}
	return rest
}
