package architecture

import (
	"go/ast"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// longest is the most lines that one file may have. Longer ones are several things in one.
const longest = 600

// pure lists the rooms that do no I/O, log nothing and ask no clock: their result depends on their arguments alone,
// so that a query can't be slowed by them and a test can't be flaky.
var pure = []string{"geo", "policy", "snapshot", "status", "simulate"}

// impure are the imports that a pure room must not have.
var impure = []string{"os", "io/ioutil", "net", "net/http", "log", "log/slog", "syscall", "os/exec", "math/rand", "math/rand/v2"}

// fileReaders are the files of pure rooms that may open files, by name: everything else in geo works on bytes.
var fileReaders = map[string][]string{
	"geo/database.go": {"os"},
}

// TestPureRoomsDoNoIO checks the imports of every file of the pure rooms.
func TestPureRoomsDoNoIO(t *testing.T) {
	eachSource(t, func(s source) {
		if s.isTest() || !slices.Contains(pure, s.room()) {
			return
		}
		for _, spec := range s.file.Imports {
			path := strings.Trim(spec.Path.Value, `"`)
			if slices.Contains(impure, path) && !slices.Contains(fileReaders[s.path], path) {
				t.Errorf("%s: imports %s, but %s does no I/O and logs nothing; hand the bytes, or the result, in and out", s.at(spec), path, s.room())
			}
		}
	})
}

// TestPureRoomsAskNoClock looks for calls that depend on the time of day or wait for it.
func TestPureRoomsAskNoClock(t *testing.T) {
	clock := []string{"Now", "Since", "Until", "Sleep", "After", "AfterFunc", "Tick", "NewTimer", "NewTicker"}
	eachSource(t, func(s source) {
		if s.isTest() || !slices.Contains(pure, s.room()) {
			return
		}
		ast.Inspect(s.file, func(n ast.Node) bool {
			if pkg, name := selector(n); pkg == "time" && slices.Contains(clock, name) {
				t.Errorf("%s: calls time.%s, but %s asks no clock; take the moment as an argument", s.at(n), name, s.room())
			}
			return true
		})
	})
}

// TestEveryPackageTellsItsStory: a package opens with a comment that says what it is for.
func TestEveryPackageTellsItsStory(t *testing.T) {
	stories := map[string]string{}
	eachSource(t, func(s source) {
		room := s.room()
		if _, known := stories[room]; !known {
			stories[room] = ""
		}
		if s.file.Doc != nil {
			stories[room] += s.file.Doc.Text()
		}
	})
	for room, story := range stories {
		if !strings.HasPrefix(story, "Package ") && !strings.HasPrefix(story, "Command ") && !strings.Contains(story, "\nPackage ") {
			t.Errorf("%s has no package comment (\"Package %s …\" or \"Command %s …\")", room, filepath.Base(room), filepath.Base(room))
		}
	}
}

// TestFilesAreOneThing bounds the length of every Go file, tests included.
func TestFilesAreOneThing(t *testing.T) {
	eachSource(t, func(s source) {
		if s.size > longest && !ast.IsGenerated(s.file) {
			t.Errorf("%s has %d lines, more than %d: is it one thing, or several?", s.path, s.size, longest)
		}
	})
}

// TestNoTestSkipsItself: a skipped test proves nothing, and nobody sees it.
func TestNoTestSkipsItself(t *testing.T) {
	eachSource(t, func(s source) {
		if !s.isTest() && !within(s.room(), "test") {
			return
		}
		ast.Inspect(s.file, func(n ast.Node) bool {
			receiver, name := selector(n)
			if slices.Contains([]string{"t", "b", "f", "tb", "rt"}, receiver) && slices.Contains([]string{"Skip", "Skipf", "SkipNow"}, name) {
				t.Errorf("%s: %s.%s; fail, and say what is missing (make test installs what tests need)", s.at(n), receiver, name)
			}
			return true
		})
	})
}

// TestNoOpenEnds looks for the marks of unfinished work in non-test code.
func TestNoOpenEnds(t *testing.T) {
	eachSource(t, func(s source) {
		if s.isTest() {
			return
		}
		for _, group := range s.file.Comments {
			for _, mark := range []string{"TO" + "DO", "FIX" + "ME", "XX" + "X"} {
				if strings.Contains(group.Text(), mark) {
					t.Errorf("%s: %s in a comment; finish it, or open an issue", s.at(group), mark)
				}
			}
		}
	})
}

// TestModuleName: import paths, documents and tests all say "meridian".
func TestModuleName(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(root, "go.mod"))
	if err != nil {
		t.Fatal(err)
	}
	if first, _, _ := strings.Cut(string(text), "\n"); first != "module "+module {
		t.Errorf("go.mod begins with %q, want %q", first, "module "+module)
	}
}

// selector returns the two names of an expression like time.Now, and empty names for any other node.
func selector(n ast.Node) (receiver, name string) {
	sel, ok := n.(*ast.SelectorExpr)
	if !ok {
		return "", ""
	}
	id, ok := sel.X.(*ast.Ident)
	if !ok {
		return "", ""
	}
	return id.Name, sel.Sel.Name
}
