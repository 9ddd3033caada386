package config

import (
	"os"
	"regexp"
	"slices"
	"strings"

	"meridian/cmd/config/nearest"
)

// maxExpanded bounds the text of one value after its variables are filled in, in bytes.
const maxExpanded = 64 << 10

var (
	variable     = regexp.MustCompile(`\$?\$\{[^}]*\}?`)
	variableName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)
)

// expand fills in each ${NAME} of text from the environment. $${NAME} stands for the text ${NAME}, and a $ without a
// brace for itself. The result isn't expanded again, and can't break out of the value that it stands in.
func (g *grower) expand(n *node, text string) (expanded string, changed bool) {
	if !strings.Contains(text, "${") {
		return text, false
	}
	expanded = variable.ReplaceAllStringFunc(text, func(ref string) string {
		if strings.HasPrefix(ref, "$$") {
			return ref[1:]
		}
		name := strings.TrimSuffix(ref[2:], "}")
		if !strings.HasSuffix(ref, "}") || !variableName.MatchString(name) {
			g.errorf(n.at, "%q is no variable: write ${NAME}, or $${ for the two characters ${", ref)
			n.bad = true
			return ""
		}
		value, ok := os.LookupEnv(name)
		if !ok {
			g.errorf(n.at, "environment variable %s is not set%s", name, nearest.Hint(name, environment()))
			n.bad = true
		}
		return value
	})
	if len(expanded) > maxExpanded {
		g.errorf(n.at, "with its variables filled in, the value is longer than %d bytes", maxExpanded)
		n.bad = true
		return "", true
	}
	return expanded, true
}

// environment returns the names of the environment's variables.
func environment() []string {
	var names []string
	for _, v := range os.Environ() {
		name, _, _ := strings.Cut(v, "=")
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}
