package zones

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"path/filepath"
	"regexp"
	"strings"
)

// Bounds of what one zone may include. A file that is included twice counts twice.
const (
	maxIncludeDepth = 8 // files that include one another; the zone's own file isn't counted
	maxIncludeFiles = 10_000
	maxIncludeBytes = 256 << 20 // of all files together
)

// Option changes how Parse reads.
type Option func(*parser)

// IncludeFrom lets $INCLUDE read files of a folder: the one that the zone's own file lies in. Only regular files of
// that folder and of those below it are ever asked for, by slash-separated paths without ".."; an implementation must
// not follow links out of it.
func IncludeFrom(folder fs.FS) Option {
	return func(p *parser) { p.folder = folder }
}

// input is a file that is being read. It and the files that include it form a chain.
type input struct {
	name   string // as problems call it
	path   string // in the folder
	parent *input // nil: this is the zone's own file
	line   int    // of the $INCLUDE in parent
}

// includeForm is RFC 1035 section 5.1: $INCLUDE <file-name> [<domain-name>] [<comment>]. The name may be quoted.
var includeForm = regexp.MustCompile(`(?i)^\$INCLUDE[ \t]+(?:"([^"\n]+)"|([^\s"();]+))(?:[ \t]+([^\s"();]+))?[ \t\r]*(?:;.*)?\n$`)

// include reads another file in place of a $INCLUDE. The file begins with the origin and the last owner of the one
// that includes it, or with the origin that the directive gives; both are as before when it ends. Its $TTL stays, as
// in BIND.
func (p *parser) include(e *entry) {
	m := includeForm.FindSubmatchIndex(e.text)
	if m == nil {
		p.complain(e.line, 1, "$INCLUDE takes the name of a file, and the origin of the names in it where that is another")
		return
	}
	group := 2 * 2
	if m[2] >= 0 { // quoted
		group = 2 * 1
	}
	file, col := string(e.text[m[group]:m[group+1]]), m[group]+1
	origin := p.origin
	if m[6] >= 0 {
		var ok bool
		if origin, ok = p.name(e, m[6], m[7]); !ok {
			return
		}
	}
	in, err := p.resolve(file, e.line)
	if err != nil {
		p.complain(e.line, col, "$INCLUDE %s: %v", quote(file), err)
		return
	}
	text, err := p.open(in.path)
	if err != nil {
		p.complain(e.line, col, "$INCLUDE %s: %v", quote(file), err)
		return
	}
	outer, outerOrigin, owner, badOwner := p.in, p.origin, p.owner, p.badOwner
	p.in, p.origin = in, origin
	p.read(text)
	p.in, p.origin, p.owner, p.badOwner = outer, outerOrigin, owner, badOwner
}

// resolve finds which file a $INCLUDE on a line of p.in means, and whether it may be read here.
func (p *parser) resolve(file string, line int) (*input, error) {
	switch {
	case p.folder == nil:
		return nil, errors.New("this text doesn't come from a folder that files could be included from")
	case path.IsAbs(file):
		return nil, errors.New("the path must be relative to the folder of the file that includes it")
	}
	in := &input{path: path.Join(path.Dir(p.in.path), file), parent: p.in, line: line}
	if strings.HasPrefix(in.path+"/", "../") {
		return nil, errors.New("the path leads out of the folder of the zone file; only files in it and below it can be included")
	}
	in.name = filepath.Join(filepath.Dir(p.zone.File), filepath.FromSlash(in.path))
	depth := 0
	for at := in; at.parent != nil; at = at.parent {
		if at.parent.path == in.path {
			return nil, fmt.Errorf("the file is being read already, so this would never end: %s", in.circle())
		}
		if depth++; depth > maxIncludeDepth {
			return nil, fmt.Errorf("more than %d files include one another", maxIncludeDepth)
		}
	}
	if p.includes--; p.includes < 0 {
		return nil, fmt.Errorf("the zone includes more than %d files", maxIncludeFiles)
	}
	return in, nil
}

// circle writes the way by which a file includes itself: "a.zone:5 -> b.zone:3 -> a.zone".
func (in *input) circle() string {
	steps := []string{in.name}
	for at := in; ; at = at.parent {
		steps = append(steps, fmt.Sprintf("%s:%d", at.parent.name, at.line))
		if at.parent.path == in.path {
			break
		}
	}
	var b strings.Builder
	for i := len(steps) - 1; i > 0; i-- {
		b.WriteString(steps[i] + " -> ")
	}
	return b.String() + steps[0]
}

// open reads a file of the folder.
func (p *parser) open(path string) ([]byte, error) {
	f, err := p.folder.Open(path)
	if err != nil {
		return nil, fmt.Errorf("can't be read: %w", withoutPath(err))
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, p.room+1))
	if err != nil {
		return nil, fmt.Errorf("can't be read: %w", withoutPath(err))
	}
	if p.room -= int64(len(text)); p.room < 0 {
		p.room = 0
		return nil, fmt.Errorf("all included files together are larger than %d MiB", maxIncludeBytes>>20)
	}
	return text, nil
}

// withoutPath strips operation and path from an error of the file system: the message names the file already.
func withoutPath(err error) error {
	var pe *fs.PathError
	if errors.As(err, &pe) {
		return pe.Err
	}
	return err
}
