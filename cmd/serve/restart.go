package serve

import (
	"reflect"
	"strconv"

	"meridian/cmd/config"
)

// needsRestart names the options that differ and that a running server can't change.
func needsRestart(old, next *config.Config) []string {
	var keys []string
	for _, o := range []struct {
		key      string
		old, new any
	}{
		{"node", old.Node, next.Node},
		{"dns.workers", old.DNS.Workers, next.DNS.Workers},
		{"dns.chaos", old.DNS.Chaos, next.DNS.Chaos},
		{"admin", old.Admin, next.Admin},
		{"data_dir", old.DataDir, next.DataDir},
		{"board", old.Board, next.Board},
		{"checker.vantage", old.Checker.Vantage, next.Checker.Vantage},
	} {
		if !reflect.DeepEqual(o.old, o.new) {
			keys = append(keys, o.key)
		}
	}
	return keys
}

func itoa(n uint64) string { return strconv.FormatUint(n, 10) }
