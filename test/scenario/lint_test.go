package scenario

import (
	"strings"
	"testing"
)

// TestLint holds one wrong story for each mistake, with its message.
func TestLint(t *testing.T) {
	const good = "title: T\nconfig world\nask a.test A\n"
	for _, c := range []struct{ name, text, want string }{
		{"unknown step", good + "expct nodata\nexpect nodata\n", `s:4: unknown step "expct"; did you mean "expect"?`},
		{"no title", "config world\nask a.test A\nexpect nodata\n", "s:1: the story has no title: begin with title: TEXT"},
		{"late title", "config world\ntitle: T\nask a.test A\nexpect nodata\n", "s:2: the title is the first step, and there is one"},
		{"no config", "title: T\nask a.test A\nexpect nodata\n", "s:2: ask before config: there is nothing to run yet"},
		{"two configs", good + "expect nodata\nconfig world\n", "s:5: a story has one config; use reload to change it"},
		{"config of nothing", "title: T\nconfig\nask a.test A\nexpect nodata\n", "s:2: say: config NAME, or: config <<END"},
		{"file without text", "title: T\nfile x\n" + good[9:] + "expect nodata\n", "s:2: say: file NAME <<END"},
		{"text without end", "title: T\nconfig <<END\nnode: x\n", `s:2: the text of "config" has no end: no later line says "END"`},
		{"open quote", good + "expect nodata\nexpect reload refused \"x\n", `s:5: a quote is not closed: "x`},
		{"backwards", good + "expect nodata\nat 10s\nafter 5s\nat 14s\n", "s:7: time goes backwards: it is 15s already"},
		{"negative", good + "expect nodata\nafter -1s\n", "s:5: time doesn't go backwards: -1s"},
		{"no duration", good + "expect nodata\nafter\n", "s:5: say one duration: 15s"},
		{"what an endpoint does", good + "expect nodata\nendpoint 192.0.2.1 explodes\n",
			`s:5: "explodes" is nothing that an endpoint does; it is fine, reports load NUMBER, answers STATUS, refuses, or hangs`},
		{"no status", good + "expect nodata\nregion x answers 999\n", `s:5: "999" is no HTTP status`},
		{"behaviour missing", good + "expect nodata\nregion x\n", "s:5: say: region WHICH is fine | reports load NUMBER | answers STATUS | refuses | hangs"},
		{"unknown type", "title: T\nconfig world\nask a.test AAAAA\nexpect nodata\n", `s:3: "AAAAA" is no RR type`},
		{"ask what", "title: T\nconfig world\nask a.test\nexpect nodata\n", "s:3: ask needs a name and a type: ask www.glb.test A"},
		{"ask never", "title: T\nconfig world\nask a.test A 0 times\nexpect nodata\n", "s:3: 0 times is not asking"},
		{"ask how", "title: T\nconfig world\nask a.test A over udp\nexpect nodata\n",
			`s:3: "over udp" is nothing that ask knows (from PREFIX, source ADDRESS, N times, N clients)`},
		{"unanswered", good + "ask b.test A\nexpect nodata\n", "s:3: asks, but expects nothing of the answer"},
		{"expects nothing", "title: T\nconfig world\nafter 1s\n", "s:3: the story expects nothing, so it can't fail"},
		{"expect before ask", "title: T\nconfig world\nexpect nodata\n", "s:3: expect an answer, but nothing was asked"},
		{"reload before reload", good + "expect nodata\nexpect reload done\n", "s:5: expect reload, but there was no reload"},
		{"expect a word", good + "expect nxdomian\n",
			`s:4: "nxdomian" is neither an address nor a word that expect knows; did you mean "nxdomain"?`},
		{"too many of", good + "expect 3 of 192.0.2.1 192.0.2.2\n", `s:4: "3" of 2 addresses can't be`},
		{"shares of one ask", good + "expect shares 192.0.2.1 100%\n", "s:4: this looks at many answers, but the ask of line 3 asked once"},
		{"shares", "title: T\nconfig world\nask a.test A 9 times\nexpect shares 192.0.2.1 40% 192.0.2.2 40%\n", "s:4: the shares add up to 80%, not 100%"},
		{"no scope", good + "expect nodata scope wide\n", `s:4: scope "wide" is no number`},
		{"state", good + "expect nodata\nexpect endpoint 192.0.2.1 sick\n", "s:5: say: expect endpoint ADDRESS [of SERVICE] up|down|unknown [because TEXT]"},
	} {
		t.Run(c.name, func(t *testing.T) {
			script, mistakes := Parse("s", c.text)
			if script != nil {
				t.Fatalf("parsed, want %q", c.want)
			}
			var got []string
			for _, m := range mistakes {
				got = append(got, m.Error())
			}
			if strings.Join(got, "\n") != c.want {
				t.Errorf("got\n\t%s\nwant\n\t%s", strings.Join(got, "\n\t"), c.want)
			}
		})
	}
}

// TestParse reads one story that uses every step and every expectation.
func TestParse(t *testing.T) {
	script, mistakes := Parse("s", `title: Everything
# a comment
file extra.csv <<EOF
192.0.2.0/24,JP
# not a comment

EOF
config world
start
at 10s          # absolute
after 5s
endpoint 198.18.3.1 answers 503
endpoint 2001:db8::1 refuses
region eu-west hangs
region eu-west is fine
ask www.glb.test A from 192.0.2.77/24 source 127.0.0.9 100 times
expect one of 198.18.1.1 198.18.2.1 scope 24 ttl 30 region eu-west
expect shares 198.18.1.1 25% 198.18.2.1 75% within 5%
expect always the same
expect region eu-west
ask www.glb.test AAAA
expect 2001:DB8::1 2001:db8::2
expect 2 of 2001:db8::1 2001:db8::2 2001:db8::3
expect nodata
expect cname us.cdn.example.net
expect endpoint 198.18.3.1 down
restart
reload world
expect reload done
reload <<END
x: y
END
expect reload refused "unknown key"
`)
	for _, m := range mistakes {
		t.Error(m)
	}
	if t.Failed() {
		return
	}
	if script.Title != "Everything" || len(script.Steps) != 26 {
		t.Errorf("title %q, %d steps", script.Title, len(script.Steps))
	}
	if got := script.Steps[1].Text; got != "192.0.2.0/24,JP\n# not a comment\n\n" {
		t.Errorf("file text %q", got)
	}
	q, err := parseAsk(script.Steps[10].Args)
	if err != nil || q.name != "www.glb.test." || q.subnet.String() != "192.0.2.0/24" || q.source.String() != "127.0.0.9" || q.times != 100 {
		t.Errorf("ask: %+v, %v", q, err)
	}
	e, err := parseExpect(script.Steps[11].Args)
	if err != nil || e.count != 1 || len(e.values) != 2 || e.scope != 24 || e.ttl != 30 || e.region != "eu-west" {
		t.Errorf("expect: %+v, %v", e, err)
	}
	e, err = parseExpect(script.Steps[17].Args)
	if err != nil || e.count != 2 || e.values[0] != "2001:db8::1" || e.scope != -1 {
		t.Errorf("expect: %+v, %v", e, err)
	}
}
