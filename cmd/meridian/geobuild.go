package main

import (
	"bufio"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"meridian/admin"
	"meridian/geo"
	"meridian/geo/build"
)

// torFiles are where Debian's tor-geoipdb keeps its data.
var torFiles = []string{"/usr/share/tor/geoip", "/usr/share/tor/geoip6"}

func (p *program) geoBuildCommand() *cli.Command {
	var kinds strings.Builder
	for _, kind := range build.Kinds() {
		fmt.Fprintf(&kinds, "\n  %-8s %s", kind, build.Describe(kind))
	}
	return &cli.Command{
		Name: "build", Usage: "make a database from freely available text files", ArgsUsage: "[FILE…]",
		Description: "Sources:" + kinds.String() + "\n\nFILE may be gzipped; - is standard input. For tor, no FILE means Debian's " + strings.Join(torFiles, " and ") +
			".\nThe output appears whole or not at all: a running server may be using the file that is there.",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "source", Usage: "`KIND` of the input: " + strings.Join(build.Kinds(), ", ")},
			&cli.StringFlag{Name: "out", Usage: "`FILE.mmdb` to write"},
		},
		Action: p.geoBuild,
	}
}

func (p *program) geoBuild(c *cli.Context) error {
	kind, out, names := c.String("source"), c.String("out"), c.Args().Slice()
	switch {
	case build.Describe(kind) == "":
		return usagef(c, "--source %q: there is no such kind of input%s", kind, hint(kind, build.Kinds()))
	case out == "":
		return usagef(c, "where to? Add --out FILE.mmdb")
	case len(names) == 0 && kind == "tor":
		names = torFiles
	case len(names) == 0:
		return usagef(c, "which FILE? (- is standard input)")
	}
	var inputs openedInputs
	defer inputs.close()
	for _, name := range names {
		if err := inputs.open(name, p.in); err != nil {
			if kind == "tor" && c.NArg() == 0 {
				err = fmt.Errorf("%w\nOn Debian: apt-get install tor-geoipdb", err)
			}
			return err
		}
	}
	var summary build.Summary
	err := replaceFile(out, func(w io.Writer) (err error) {
		summary, err = build.Build(kind, inputs.list, w, inputs.built)
		return err
	})
	if err != nil {
		return withCode(exitBadConfig, fmt.Errorf("%w\nNothing was written", err))
	}
	fmt.Fprintf(p.out, "%s: %s, %d kB; %s skipped. Data of %s.\n", out, admin.Count(summary.Networks, "network"), summary.Bytes/1000,
		admin.Count(summary.Skipped, "line"), inputs.built.UTC().Format(time.DateOnly))
	return nil
}

// openedInputs are the files of one build. The zero value has none.
type openedInputs struct {
	list  []build.Input
	files []*os.File
	built time.Time // of when the data is: the youngest file's time; now for standard input
}

// open adds a file; "-" is standard input.
func (o *openedInputs) open(name string, stdin io.Reader) error {
	raw, modified := stdin, time.Now()
	if name != "-" {
		f, err := os.Open(name)
		if err != nil {
			return err
		}
		o.files = append(o.files, f)
		info, err := f.Stat()
		if err != nil {
			return err
		}
		raw, modified = f, info.ModTime()
	}
	text, err := unzipped(raw)
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	o.list = append(o.list, build.Input{Name: name, Reader: text})
	if modified.After(o.built) {
		o.built = modified
	}
	return nil
}

func (o *openedInputs) close() {
	for _, f := range o.files {
		_ = f.Close() // it was only read
	}
}

// unzipped reads through gzip where there is gzip.
func unzipped(r io.Reader) (io.Reader, error) {
	buffered := bufio.NewReader(r)
	// An error, of a file of one byte for instance, comes again when the text is read.
	if magic, _ := buffered.Peek(2); len(magic) == 2 && magic[0] == 0x1f && magic[1] == 0x8b {
		return gzip.NewReader(buffered)
	}
	return buffered, nil
}

// replaceFile writes a database beside path, sees whether it can be opened, and puts it in path's place.
func replaceFile(path string, write func(io.Writer) error) (err error) {
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(f.Name()))
		}
	}()
	err = write(f)
	if err == nil {
		err = f.Chmod(0o644)
	}
	if err == nil {
		err = f.Sync()
	}
	err = errors.Join(err, f.Close())
	if err != nil {
		return err
	}
	if _, err := geo.Open(f.Name()); err != nil {
		return fmt.Errorf("what was made can't be opened: %w", err)
	}
	return os.Rename(f.Name(), path)
}
