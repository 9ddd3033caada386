package config

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
)

const (
	maxFile  = 64 << 20 // bytes of one configuration file
	maxSmall = 16 << 20 // bytes of a token or of certificates
	confD    = "conf.d" // the folder beside the configuration file whose *.yaml files belong to it
)

// readAll reads the configuration file and conf.d beside it, and returns the merged tree. The tree is nil when there
// is nothing to go on with.
func readAll(r *report, path string) *node {
	files := []string{path}
	dir := filepath.Join(filepath.Dir(path), confD)
	switch entries, err := os.ReadDir(dir); {
	case err == nil:
		for _, e := range entries { // sorted by name
			if ext := filepath.Ext(e.Name()); !e.IsDir() && (ext == ".yaml" || ext == ".yml") {
				files = append(files, filepath.Join(dir, e.Name()))
			}
		}
	case !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, syscall.ENOTDIR):
		r.errorf(pos{file: dir}, "the folder can't be read: %v", cause(err))
	}
	var trees []*node
	for _, f := range files {
		data, err := readFile(f)
		if err != nil {
			hint := ""
			if errors.Is(err, fs.ErrNotExist) && f == path {
				hint = " (\"meridian config init\" writes one to begin with)"
			}
			r.errorf(pos{file: f}, "can't be read: %v%s", cause(err), hint)
			continue
		}
		if t := parse(r, f, data); t != nil {
			trees = append(trees, t)
		}
	}
	if len(trees) == 0 {
		return nil
	}
	return mergeFiles(r, trees)
}

// readFile reads a file of the configuration, which may be a pipe.
func readFile(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return readBounded(f, maxFile)
}

// openRegular opens a file that the configuration names. Pipes and devices, which could block or never end, are none.
func openRegular(path string) (*os.File, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, errors.New("not a regular file")
	}
	return os.Open(path)
}

// readSmall reads a file that the configuration names.
func readSmall(path string) ([]byte, error) {
	f, err := openRegular(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return readBounded(f, maxSmall)
}

// readBounded reads at most limit bytes.
func readBounded(f *os.File, limit int64) ([]byte, error) {
	data, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err == nil && int64(len(data)) > limit {
		err = errors.New("larger than " + strconv.FormatInt(limit>>20, 10) + " MiB")
	}
	return data, err
}

// cause strips the operation and the path from an error of the file system: the message names the place already.
func cause(err error) error {
	var pe *fs.PathError
	if errors.As(err, &pe) {
		return pe.Err
	}
	return err
}

// parse reads one YAML document. It returns nil, and reports why, when the bytes are no such document.
func parse(r *report, file string, data []byte) *node {
	data = bytes.TrimPrefix(data, []byte("\xef\xbb\xbf"))
	if i := invalidUTF8(data); i >= 0 {
		line, col := lineCol(data, i)
		r.errorf(pos{file, line, col}, "not UTF-8 text: byte 0x%02x (save the file as UTF-8)", data[i])
		return nil
	}
	dec := yaml.NewDecoder(bytes.NewReader(data))
	var doc yaml.Node
	switch err := dec.Decode(&doc); {
	case errors.Is(err, io.EOF):
		return &node{kind: mapping, at: pos{file, 1, 1}} // nothing but comments
	case err != nil:
		at, text := syntaxError(file, data, err)
		r.errorf(at, "%s", text)
		return nil
	}
	var next yaml.Node
	if err := dec.Decode(&next); err == nil {
		r.errorf(pos{file, next.Line, next.Column}, "a second YAML document begins here: one file holds one (put the other into %s)", confD)
		return nil
	} else if !errors.Is(err, io.EOF) {
		at, text := syntaxError(file, data, err)
		r.errorf(at, "%s", text)
		return nil
	}
	g := &grower{report: r, file: file, open: map[*yaml.Node]bool{}}
	root := g.grow(doc.Content[0], "")
	if root.kind == scalar && root.value == nil && !root.bad {
		return &node{kind: mapping, at: root.at}
	}
	if root.kind != mapping {
		if !root.bad {
			r.errorf(root.at, "the configuration must be a mapping (key: value), not %s", describe(root))
		}
		return nil
	}
	return root
}

func invalidUTF8(data []byte) int {
	for i := 0; i < len(data); {
		c, size := utf8.DecodeRune(data[i:])
		if c == utf8.RuneError && size <= 1 {
			return i
		}
		i += size
	}
	return -1
}

// lineCol returns the place of byte i of data; columns count characters from 1.
func lineCol(data []byte, i int) (line, col int) {
	before := data[:i]
	start := bytes.LastIndexByte(before, '\n') + 1
	return bytes.Count(before, []byte("\n")) + 1, utf8.RuneCount(before[start:]) + 1
}

var (
	yamlLine   = regexp.MustCompile(`^(?:yaml: )?(?:line (\d+): )?`)
	flowColons = regexp.MustCompile(`[\[,]\s*::`)
	flowBraces = regexp.MustCompile(`[\[,]\s*\$\{`)
)

// remedies are added to what the YAML parser says.
var remedies = map[string]string{
	"mapping values are not allowed in this context": ` (each key needs a line of its own; a value with ": " in it needs quotes)`,
	"did not find expected ',' or '}'":               ` (is a comma or "}" missing?)`,
	"did not find expected ',' or ']'":               ` (is a comma or "]" missing?)`,
	"did not find expected key":                      ` (is the indentation right?)`,
	"found unexpected end of stream":                 ` (is a quote not closed?)`,
	"found character that cannot start any token":    ` (a value that begins with @, % or a backquote needs quotes)`,
}

// syntaxError translates what the YAML parser says into a place and a sentence with a remedy where one is known.
func syntaxError(file string, data []byte, err error) (pos, string) {
	text := strings.TrimSpace(err.Error())
	m := yamlLine.FindStringSubmatch(text)
	at := pos{file: file, line: 1}
	if line, convErr := strconv.Atoi(m[1]); convErr == nil {
		at.line = line
	}
	text = strings.TrimPrefix(text, m[0])
	text = "not valid YAML: " + text + remedies[text]
	lines := strings.Split(string(data), "\n")
	// The parser's line can be one off, so the neighbours are looked at too.
	for _, i := range slices.Compact([]int{at.line, at.line + 1, max(at.line-1, 1)}) {
		if i > len(lines) {
			continue
		}
		line := lines[i-1]
		indent := line[:len(line)-len(strings.TrimLeft(line, " \t"))]
		if tab := strings.IndexByte(indent, '\t'); tab >= 0 {
			return pos{file, i, tab + 1}, "not valid YAML: the line is indented with a tab (use spaces)"
		}
		if loc := flowColons.FindStringIndex(line); loc != nil {
			return pos{file, i, loc[1] - 1}, `not valid YAML: inside [ ] an address that begins with "::" must be quoted`
		}
		if loc := flowBraces.FindStringIndex(line); loc != nil {
			return pos{file, i, loc[1] - 1}, `not valid YAML: inside [ ] a variable must be quoted, as in ["${NAME}"]`
		}
	}
	return at, text
}
