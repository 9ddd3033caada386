package e2e

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/miekg/dns"
)

// zoneFiles is a zone with an included file, a DNAME, a delegation, and data that is easily written wrongly.
var zoneFiles = files{
	"glb.test.zone": `$TTL 1h
$ORIGIN glb.test.
@ IN SOA ns1 Host\.master (
	2026112001 ; serial
	2h 15m 2w 30 )
@ NS ns1
  NS ns2.example.
  MX 10 mail
  CAA 0 issue "ca.example; policy=ev"
  HTTPS 1 . alpn=h2,h3 ipv4hint=192.0.2.80
ns1 A 192.0.2.53
ns1 AAAA 2001:db8::53
mail 60 IN A 192.0.2.25
old DNAME New.example.
*.wild TXT "one \"quoted\" string" two
a\.b TXT "semi;colon" \(paren "back\\slash" "\255"
_sip._tcp SRV 0 5 5060 mail
sub NS ns.sub
sub DS 12345 13 2 0123456789ABCDEF0123456789abcdef0123456789ABCDEF0123456789abcdef
ns.sub A 192.0.2.54
odd TYPE65280 \# 3 010203
$INCLUDE hosts.inc hosts ; names below hosts
last A 192.0.2.99
`,
	"hosts.inc": "@ A 192.0.2.1\n$ORIGIN deep\nx A 192.0.2.2\n\tAAAA 2001:db8::2\n",
}

// TestZoneDumpAgainstBIND: named-checkzone takes what zone dump prints, and reads from it what it reads from the zone
// file itself. (Owner names in it are in lower case, as we print them.)
func TestZoneDumpAgainstBIND(t *testing.T) {
	dir := t.TempDir()
	for name, text := range zoneFiles {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	dump := binary.Run(t, dir, "zone", "dump", "glb.test.zone")
	if dump.Code != 0 {
		t.Fatalf("zone dump: exit %d\n%s", dump.Code, dump.Stderr)
	}
	if err := os.WriteFile(filepath.Join(dir, "dumped"), []byte(dump.Stdout), 0o644); err != nil {
		t.Fatal(err)
	}
	original, dumped := canonicalByBIND(t, dir, "glb.test.zone"), canonicalByBIND(t, dir, "dumped")
	if original != dumped {
		t.Errorf("BIND reads the zone file as\n%s\nand the dump as\n%s", original, dumped)
	}
	// And record for record it is what we print.
	if ours, theirs := records(t, dump.Stdout), records(t, original); !slices.Equal(ours, theirs) {
		t.Errorf("we print\n%s\nBIND reads\n%s", strings.Join(ours, "\n"), strings.Join(theirs, "\n"))
	}
}

// canonicalByBIND returns a zone file of glb.test as named-checkzone writes it out after reading.
func canonicalByBIND(t *testing.T, dir, file string) string {
	t.Helper()
	// -i local: other zones aren't looked for in the DNS.
	cmd := exec.CommandContext(t.Context(), "named-checkzone", "-i", "local", "-D", "-o", "-", "glb.test", file)
	cmd.Dir = dir
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		t.Fatalf("named-checkzone %s: %v\n%s%s", file, err, stderr.String(), stdout.String())
	}
	return stdout.String()
}

// records returns the records of a master file, sorted, in one spelling.
func records(t *testing.T, text string) []string {
	t.Helper()
	var all []string
	zp := dns.NewZoneParser(strings.NewReader(text), ".", "")
	for rr, ok := zp.Next(); ok; rr, ok = zp.Next() {
		rr.Header().Name = dns.CanonicalName(rr.Header().Name)
		all = append(all, strings.Join(strings.Fields(rr.String()), " "))
	}
	if err := zp.Err(); err != nil {
		t.Fatal(err)
	}
	slices.Sort(all)
	return all
}
