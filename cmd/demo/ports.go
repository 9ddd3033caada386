package demo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"syscall"

	"meridian/dnsserver"
)

// free returns the first address from want on, port by port, that is free in all networks. When it isn't want, it says
// who holds that. Nothing stays bound: the server binds a moment later, and says so should somebody have been faster.
func free(ctx context.Context, out io.Writer, want netip.AddrPort, networks ...string) (netip.AddrPort, error) {
	var taken error
	for try := range uint16(portTries) {
		addr := netip.AddrPortFrom(want.Addr(), want.Port()+try)
		err := tryAll(ctx, addr, networks)
		if err == nil {
			if taken != nil {
				fmt.Fprintf(out, "%v. The demo takes %s instead.\n", taken, addr)
			}
			return addr, nil
		}
		if taken == nil {
			taken = err
		}
		if !errors.Is(err, syscall.EADDRINUSE) || want.Port() == 0 {
			break
		}
	}
	return netip.AddrPort{}, taken
}

// tryAll binds addr in every network and lets it go again. An error is a *dnsserver.BindError.
func tryAll(ctx context.Context, addr netip.AddrPort, networks []string) error {
	var lc net.ListenConfig
	for _, network := range networks {
		var bound io.Closer
		var err error
		if network == "udp" {
			bound, err = lc.ListenPacket(ctx, network, addr.String())
		} else {
			bound, err = lc.Listen(ctx, network, addr.String())
		}
		if err != nil {
			return dnsserver.NewBindError(network, addr, err)
		}
		if err := bound.Close(); err != nil {
			return err
		}
	}
	return nil
}
