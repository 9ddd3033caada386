package config

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"meridian/zones"
)

// TestBad loads each file of testdata/bad and compares what is said about it with the .txt beside it. A case with
// several files is a folder, with meridian.yaml and expected.txt in it.
func TestBad(t *testing.T) {
	t.Setenv("MERIDIAN_TEST_LONG", strings.Repeat("x", maxExpanded+1))
	t.Chdir("testdata/bad")
	entries, err := os.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		name, isYAML := strings.CutSuffix(e.Name(), ".yaml")
		load, expected := e.Name(), name+".txt"
		switch {
		case e.IsDir():
			load, expected = filepath.Join(name, "meridian.yaml"), filepath.Join(name, "expected.txt")
		case !isYAML:
			continue
		}
		t.Run(name, func(t *testing.T) {
			if e.IsDir() {
				t.Chdir(name)
				load, expected = "meridian.yaml", "expected.txt"
			}
			cfg, problems := Load(load)
			got := lines(problems)
			if got == "" {
				t.Fatal("nothing is wrong with it")
			}
			if bad := zones.HasErrors(problems); bad != (cfg == nil) {
				t.Errorf("a configuration: %v, errors: %v", cfg != nil, bad)
			}
			if *update {
				if err := os.WriteFile(expected, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			want, err := os.ReadFile(expected)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func lines(problems []zones.Problem) string {
	var b strings.Builder
	for _, p := range problems {
		b.WriteString(p.String() + "\n")
	}
	return b.String()
}

// elsewhere are the messages that no file in testdata/bad can bring about, with the test that does.
var elsewhere = map[string]string{
	"can't be read: %v%s":                                     "TestUnreadable",
	"the folder can't be read: %v":                            "TestUnreadable",
	"geo.asn_database: %s has no AS numbers (its type is %s)": "TestGeoFiles",
	"and %d more problems":                                    "TestManyProblems",
	"%v":                                                      "status.ParseNeed accepts whatever the schema lets through",
}

// TestEveryMessageHasABadFile reads the sources: each message that they can give stands in testdata/bad.
func TestEveryMessageHasABadFile(t *testing.T) {
	var texts []string
	err := filepath.WalkDir("testdata/bad", func(path string, e fs.DirEntry, err error) error {
		if err == nil && strings.HasSuffix(path, ".txt") {
			b, readErr := os.ReadFile(path)
			texts = append(texts, strings.Split(string(b), "\n")...)
			return readErr
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	verb := regexp.MustCompile(`%[0-9.]*[a-zA-Z]`)
	for format, at := range formats(t) {
		if elsewhere[format] != "" {
			continue
		}
		parts := verb.Split(strings.ReplaceAll(format, "%%", "%"), -1)
		for i := range parts {
			parts[i] = regexp.QuoteMeta(parts[i])
		}
		shown := regexp.MustCompile(`: ` + strings.Join(parts, `.*`) + `$`)
		if !slices.ContainsFunc(texts, shown.MatchString) {
			t.Errorf("%s: no bad file shows %q", at, format)
		}
	}
}

// formats returns the formats of all messages in the package's sources, and where they are.
func formats(t *testing.T) map[string]string {
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]string{}
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		fset := token.NewFileSet()
		file, err := parser.ParseFile(fset, name, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(file, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok || len(call.Args) < 2 {
				return true
			}
			fun, ok := call.Fun.(*ast.SelectorExpr)
			if !ok || !slices.Contains([]string{"errorf", "warnf", "giveUp"}, fun.Sel.Name) {
				return true
			}
			if lit, ok := call.Args[1].(*ast.BasicLit); ok {
				format, err := strconv.Unquote(lit.Value)
				if err != nil {
					t.Fatal(err)
				}
				found[format] = fset.Position(call.Pos()).String()
			}
			return true
		})
	}
	if len(found) < 50 {
		t.Fatalf("found %d messages only", len(found))
	}
	return found
}
