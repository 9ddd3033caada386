package config

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
)

// fingerprint names a configuration by its content: trees that are read alike, with zone files (and files that these
// include) of equal bytes, have the same one, wherever they lie and whatever their comments say. Servers of one fleet
// compare it.
func fingerprint(root *node, sources []*source) string {
	h := sha256.New()
	write(h, root)
	for _, s := range sources {
		h.Write(s.read.Sum[:])
	}
	return hex.EncodeToString(h.Sum(nil)[:8])
}

func write(h hash.Hash, n *node) {
	switch n.kind {
	case mapping:
		fmt.Fprintf(h, "m%d:", len(n.pairs))
		for _, p := range n.pairs {
			fmt.Fprintf(h, "%q", p.key)
			write(h, p.value)
		}
	case sequence:
		fmt.Fprintf(h, "s%d:", len(n.items))
		for _, item := range n.items {
			write(h, item)
		}
	default:
		fmt.Fprintf(h, "%T%q", n.value, fmt.Sprint(n.value))
	}
}
