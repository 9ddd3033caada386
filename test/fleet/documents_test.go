package fleet

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// TestDocumentNamesEveryTest: docs/fleet.md names the test that shows each row, and leaves none of this package's out.
func TestDocumentNamesEveryTest(t *testing.T) {
	document, err := os.ReadFile(filepath.Join("..", "..", "docs", "fleet.md"))
	if err != nil {
		t.Fatal(err)
	}
	named := regexp.MustCompile(`\b(?:Test|Benchmark)[A-Z]\w+`).FindAllString(string(document), -1)
	var here, elsewhere []string
	for _, folder := range []string{".", filepath.Join("..", "e2e"), filepath.Join("..", "scenario"), filepath.Join("..", "..", "status", "board")} {
		files, err := filepath.Glob(filepath.Join(folder, "*_test.go"))
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			for _, m := range regexp.MustCompile(`(?m)^func ((?:Test|Benchmark)[A-Z]\w+)\(`).FindAllStringSubmatch(string(text), -1) {
				if folder == "." {
					here = append(here, m[1])
				} else {
					elsewhere = append(elsewhere, m[1])
				}
			}
		}
	}
	for _, name := range named {
		if !slices.Contains(here, name) && !slices.Contains(elsewhere, name) {
			t.Errorf("docs/fleet.md names %s, which is not there", name)
		}
	}
	for _, name := range here {
		if !slices.Contains(named, name) && !strings.HasPrefix(name, "TestMain") && name != t.Name() {
			t.Errorf("docs/fleet.md doesn't name %s", name)
		}
	}
}
