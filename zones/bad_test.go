package zones_test

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"meridian/zones"
)

var update = flag.Bool("update", false, "write the messages to testdata/bad/*.txt")

// TestBadZones holds that there is one file for each mistake, with its exact messages beside it. The apex of NAME.zone is
// NAME.test.; what the files include lies in testdata/bad/included.
func TestBadZones(t *testing.T) {
	files, err := filepath.Glob("testdata/bad/*.zone")
	if err != nil || len(files) == 0 {
		t.Fatal("no bad zones", err)
	}
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".zone")
		t.Run(name, func(t *testing.T) {
			f, err := os.Open(file)
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			_, problems := zones.CheckZone(name+".test.", name+".zone", f, zones.IncludeFrom(os.DirFS("testdata/bad")))
			var got strings.Builder
			for _, p := range problems {
				got.WriteString(p.String() + "\n")
			}
			golden := strings.TrimSuffix(file, ".zone") + ".txt"
			if *update {
				if err := os.WriteFile(golden, []byte(got.String()), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if got.Len() == 0 {
				t.Error("a bad zone without a problem")
			}
			if got.String() != string(want) {
				t.Errorf("got:\n%swant:\n%s", got.String(), want)
			}
		})
	}
}
