package dnsserver

import (
	"bufio"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// holder returns which process listens on addr, as in "named (pid 812)", as far as /proc tells: without privileges
// only the processes of one's own user are seen. Empty: not known.
func holder(network string, addr netip.AddrPort) string {
	for _, table := range []string{network, network + "6"} {
		for _, inode := range inodes("/proc/net/"+table, network == "tcp", addr) {
			if who := owner(inode); who != "" {
				return who
			}
		}
	}
	return ""
}

// inodes returns the sockets in a table of /proc/net that are bound to addr, or to its port on all addresses.
func inodes(table string, listening bool, addr netip.AddrPort) (found []string) {
	f, err := os.Open(table)
	if err != nil {
		return nil
	}
	defer f.Close()
	const listen = "0A" // TCP_LISTEN
	for lines := bufio.NewScanner(f); lines.Scan(); {
		// sl local_address rem_address st tx_queue:rx_queue tr:tm->when retrnsmt uid timeout inode
		fields := strings.Fields(lines.Text())
		if len(fields) < 10 || listening && fields[3] != listen {
			continue
		}
		local, ok := procAddr(fields[1])
		if ok && local.Port() == addr.Port() &&
			(local.Addr() == addr.Addr() || local.Addr().IsUnspecified() || addr.Addr().IsUnspecified()) {
			found = append(found, fields[9])
		}
	}
	return found
}

// procAddr reads an address as /proc/net writes it: 32-bit words in the machine's order, and the port, in hex.
func procAddr(s string) (netip.AddrPort, bool) {
	host, port, _ := strings.Cut(s, ":")
	raw, err := hex.DecodeString(host)
	n, errPort := strconv.ParseUint(port, 16, 16)
	if err != nil || errPort != nil {
		return netip.AddrPort{}, false
	}
	for i := 0; i+4 <= len(raw); i += 4 {
		binary.NativeEndian.PutUint32(raw[i:], binary.BigEndian.Uint32(raw[i:]))
	}
	a, ok := netip.AddrFromSlice(raw)
	return netip.AddrPortFrom(a, uint16(n)), ok
}

// owner returns the process that has the socket open.
func owner(inode string) string {
	want := "socket:[" + inode + "]"
	open, _ := filepath.Glob("/proc/[0-9]*/fd/*") // fails for malformed patterns only
	for _, fd := range open {
		if to, err := os.Readlink(fd); err != nil || to != want {
			continue
		}
		process := filepath.Dir(filepath.Dir(fd))
		name, err := os.ReadFile(filepath.Join(process, "comm"))
		if err != nil {
			continue
		}
		return fmt.Sprintf("%s (pid %s)", strings.TrimSpace(string(name)), filepath.Base(process))
	}
	return ""
}

// maxDescriptors returns how many files and sockets the process may have open.
func maxDescriptors() int {
	var l unix.Rlimit
	if unix.Getrlimit(unix.RLIMIT_NOFILE, &l) != nil || l.Cur > 1<<30 {
		return 1 << 30
	}
	return int(l.Cur)
}
