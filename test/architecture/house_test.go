package architecture

import (
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
)

// module is the import path that go.mod gives to this repository.
const module = "meridian"

// listed is what `go list` says of one package.
type listed struct {
	ImportPath string
	Standard   bool
	Imports    []string
}

// house returns every package that the module's non-test code is made of, by import path, as `go list -deps` sees it.
var house = sync.OnceValues(func() (map[string]*listed, error) {
	cmd := exec.Command("go", "list", "-deps", "-e", "-json=ImportPath,Standard,Imports", "./...")
	cmd.Dir = root
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("go list: %w: %s", err, stderr.String())
	}
	packages := map[string]*listed{}
	for dec := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p listed
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			return packages, nil
		} else if err != nil {
			return nil, fmt.Errorf("go list: %w", err)
		}
		packages[p.ImportPath] = &p
	}
})

// root is the top of the repository, as seen from this package's directory.
var root = filepath.Join("..", "..")

// ours returns the module's own packages, sorted, keyed by their path below the module ("geo", "status/board").
func ours(t *testing.T) (map[string]*listed, []string) {
	t.Helper()
	all, err := house()
	if err != nil {
		t.Fatal(err)
	}
	own := map[string]*listed{}
	for path, p := range all {
		if name, ok := strings.CutPrefix(path, module+"/"); ok {
			own[name] = p
		}
	}
	names := make([]string, 0, len(own))
	for name := range own {
		names = append(names, name)
	}
	slices.Sort(names)
	if len(names) < 8 {
		t.Fatalf("go list found only %d packages of the module: %v", len(names), names)
	}
	return own, names
}

// source is one parsed Go file of the repository.
type source struct {
	path string // relative to the root, with slashes
	fset *token.FileSet
	file *ast.File
	size int // lines
}

// sources parses every Go file of the repository, tests included, but for testdata.
var sources = sync.OnceValues(func() ([]source, error) {
	var found []source
	err := filepath.WalkDir(root, func(path string, d os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && path != root {
			if name := d.Name(); name == "testdata" || name == "bin" || strings.HasPrefix(name, ".") {
				return filepath.SkipDir
			}
		}
		if d.IsDir() || !strings.HasSuffix(path, ".go") {
			return nil
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		fset := token.NewFileSet()
		file, err := parser.ParseFile(fset, path, text, parser.ParseComments)
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, path)
		found = append(found, source{filepath.ToSlash(rel), fset, file, strings.Count(string(text), "\n")})
		return err
	})
	return found, err
})

// eachSource calls check with every Go file of the repository.
func eachSource(t *testing.T, check func(source)) {
	t.Helper()
	all, err := sources()
	if err != nil {
		t.Fatal(err)
	}
	if len(all) == 0 {
		t.Fatal("no Go files found")
	}
	for _, s := range all {
		check(s)
	}
}

// at returns "file:line" of a node, relative to the root.
func (s source) at(n ast.Node) string {
	return fmt.Sprintf("%s:%d", s.path, s.fset.Position(n.Pos()).Line)
}

// isTest reports whether the file belongs to tests only.
func (s source) isTest() bool { return strings.HasSuffix(s.path, "_test.go") }

// room returns the directory of the file below the root ("status/board").
func (s source) room() string { return filepath.ToSlash(filepath.Dir(s.path)) }
