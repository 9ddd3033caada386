package zones

import (
	"strings"
	"testing"
	"testing/fstest"
)

// TestIncludeBounds lowers the bounds, so that reaching them takes no 256 MiB. Both end the inclusion, not the file.
func TestIncludeBounds(t *testing.T) {
	folder := fstest.MapFS{
		"big":   {Data: []byte("; " + strings.Repeat("x", 100) + "\n")},
		"small": {Data: []byte("a A 192.0.2.1\n")},
	}
	lower := func(p *parser) { p.room, p.includes = 140, 4 }
	text := "$TTL 60\n$INCLUDE small\n$INCLUDE big\n$INCLUDE big\n$INCLUDE small\n$INCLUDE small\nb A 192.0.2.2\n"
	z, problems := Parse("test.", "f", strings.NewReader(text), IncludeFrom(folder), lower)
	want := []string{
		`f:4:10: $INCLUDE "big": all included files together are larger than 256 MiB`,
		`f:5:10: $INCLUDE "small": all included files together are larger than 256 MiB`,
		`f:6:10: $INCLUDE "small": the zone includes more than 10000 files`,
	}
	for i, p := range problems {
		if len(problems) != len(want) || p.String() != want[i] {
			t.Errorf("problem %d: %s", i, p)
		}
	}
	if len(z.Records) != 2 || !z.Incomplete {
		t.Errorf("%v, incomplete: %v", z.Records, z.Incomplete)
	}
}
