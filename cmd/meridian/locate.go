package main

import (
	"net"
	"os"
	"path/filepath"
	"strings"

	"go.yaml.in/yaml/v3"
)

// located is where a configuration says that its admin listener is.
type located struct {
	address   string // host:port; empty: it doesn't say
	tokenFile string // empty: none
	unread    bool   // the file isn't YAML, and so says nothing
}

// locate reads as much of the configuration at path as says where its server is. Everything else in it may be wrong:
// a server is asked to reload just when a file has changed, and the server is the one to say what is wrong with it.
func locate(path string) (located, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return located{}, err
	}
	var document yaml.Node
	found := located{unread: yaml.Unmarshal(text, &document) != nil}
	if found.unread || len(document.Content) == 0 {
		return found, nil
	}
	adminNode := valueOf(document.Content[0], "admin")
	found.address = os.ExpandEnv(scalar(valueOf(adminNode, "listen")))
	if host, port, err := net.SplitHostPort(found.address); err == nil && (host == "" || net.ParseIP(host).IsUnspecified()) {
		found.address = net.JoinHostPort("127.0.0.1", port)
	}
	if file := os.ExpandEnv(scalar(valueOf(adminNode, "token_file"))); file != "" {
		if !filepath.IsAbs(file) {
			file = filepath.Join(filepath.Dir(path), file)
		}
		found.tokenFile = file
	}
	return found, nil
}

func valueOf(mapping *yaml.Node, key string) *yaml.Node {
	if mapping == nil || mapping.Kind != yaml.MappingNode {
		return nil
	}
	for i := 0; i+1 < len(mapping.Content); i += 2 {
		if mapping.Content[i].Value == key {
			return mapping.Content[i+1]
		}
	}
	return nil
}

func scalar(n *yaml.Node) string {
	if n == nil || n.Kind != yaml.ScalarNode {
		return ""
	}
	return strings.TrimSpace(n.Value)
}
