package checker

import (
	"net/netip"
	"strings"
	"testing"

	"golang.org/x/net/icmp"

	"meridian/zones"
)

// TestICMP pings this machine. Where the kernel lets nobody do that, the probe says what is missing, and abstains.
func TestICMP(t *testing.T) {
	for _, text := range []string{"127.0.0.5", "::1"} {
		addr := netip.AddrPortFrom(netip.MustParseAddr(text), 0)
		family := 0
		if addr.Addr().Is6() {
			family = 1
		}
		o := see(t, probeOf(zones.CheckICMP, addr), addr)
		conn, _, err := pingFamilies[family].open()
		if err != nil {
			if !o.Inconclusive || !strings.Contains(o.Reason, "net.ipv4.ping_group_range must include group") || !strings.Contains(o.Reason, "CAP_NET_RAW") {
				t.Errorf("%s, without the right to ping: %+v", text, o)
			}
			continue
		}
		conn.Close()
		expectUp(t, o, "echo reply")
	}
}

// TestICMPReplies: only the reply to this very request counts, not what others get, nor the request itself.
func TestICMPReplies(t *testing.T) {
	payload := []byte("these bytes and no others")
	for i := range pingFamilies {
		f := &pingFamilies[i]
		for _, tt := range []struct {
			name string
			typ  icmp.Type
			data string
			want bool
		}{{"reply", f.reply, string(payload), true}, {"request", f.request, string(payload), false}, {"another's", f.reply, "those bytes", false}, {"empty", f.reply, "", false}} {
			packet, err := (&icmp.Message{Type: tt.typ, Body: &icmp.Echo{ID: 7, Seq: 1, Data: []byte(tt.data)}}).Marshal(nil)
			if err != nil {
				t.Fatal(err)
			}
			if got := f.isReply(packet, payload); got != tt.want {
				t.Errorf("%s over %s counts: %v", tt.name, f.unprivileged, got)
			}
			if f.isReply(packet[:3], payload) {
				t.Error("a fragment counts")
			}
		}
	}
}
