package demo

import (
	"fmt"
	"strings"

	"meridian/cmd/serve"
)

// clients are those whose questions the banner offers to paste; the built-in GeoIP data puts them into their cities.
var clients = []struct{ address, city string }{
	{"192.0.2.1", "a client in Tokyo"},
	{"192.0.2.65", "Frankfurt"},
	{"192.0.2.129", "New York"},
}

// killed is the region that the banner offers to kill: Frankfurt is answered with it.
const killed = "eu-west"

// banner says what there is to see, in lines to paste.
func banner(o Options, bound serve.Bound) string {
	dns := bound.DNS[0]
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }

	line("")
	line("  Meridian DEMO: regions and clients are made up, answers and probes are real.")
	line("")
	line("  Page    http://%s/", bound.Admin)
	line("")
	if o.HasDig {
		for _, c := range clients {
			line("    dig @%s -p %d www.demo.test +short +subnet=%-16s # %s", dns.Addr(), dns.Port(), c.address+"/32", c.city)
		}
	} else {
		line("  dig isn't installed; this asks the same:")
	}
	server := ""
	if dns != DefaultDNS {
		server = " --server " + dns.String()
	}
	for _, c := range clients {
		if !o.HasDig {
			line("    %s query www.demo.test --short --subnet %-12s%s # %s", o.Command, c.address, server, c.city)
		}
	}
	where := ""
	if bound.Admin != DefaultAdmin {
		where = " --admin http://" + bound.Admin.String()
	}
	line("")
	line("  Take a region down, and Frankfurt is answered with another one within seconds:")
	line("")
	line("    %s demo kill %s%s", o.Command, killed, where)
	line("    %s explain www.demo.test --from Frankfurt%s", o.Command, where)
	line("    %s demo revive %s%s", o.Command, killed, where)
	line("")
	line("  Also there: weighted.demo.test (70 : 20 : 10), failover.demo.test. Ctrl-C ends the demo.")
	line("")
	return b.String()
}
