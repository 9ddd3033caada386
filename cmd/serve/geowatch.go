package serve

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/fsnotify/fsnotify"

	"meridian/geo"
	"meridian/snapshot"
)

// settle is how long a geographic file must be left alone before it is read: copies arrive in many writes.
const settle = time.Second

// watchGeo takes over changed geographic files by itself until ctx ends. It watches folders, because files are
// replaced by renames.
func (s *server) watchGeo(ctx context.Context) {
	w, err := fsnotify.NewWatcher()
	if err != nil {
		s.log.Error("geographic files aren't watched; reload after changing them", "error", err)
		<-ctx.Done()
		return
	}
	defer w.Close()
	wait := time.NewTimer(0)
	wait.Stop()
	defer wait.Stop()
	for {
		files := s.watched(w)
		select {
		case <-ctx.Done():
			return
		case e := <-w.Events:
			if files[filepath.Clean(e.Name)] && !e.Has(fsnotify.Chmod) {
				wait.Reset(settle)
			}
		case err := <-w.Errors:
			s.log.Warn("watching geographic files", "error", err)
			wait.Reset(settle) // an overflow may hide a change
		case <-wait.C:
			s.ReloadGeo(ctx)
		}
	}
}

// watched makes w watch the folders of the files in use, and returns those files.
func (s *server) watched(w *fsnotify.Watcher) map[string]bool {
	g := s.declared.Load().config.Geo
	files := map[string]bool{}
	for _, path := range []string{g.Database, g.ASNDatabase, g.Networks} {
		if path == "" {
			continue
		}
		path = filepath.Clean(path)
		files[path] = true
		// Adding a folder again changes nothing.
		if err := w.Add(filepath.Dir(path)); err != nil {
			s.log.Warn("a geographic file isn't watched; reload after changing it", "file", path, "error", err)
		}
	}
	return files
}

// ReloadGeo reads the geographic files again, under the configuration in use: verified, compiled aside, compared
// with the map in use, then swapped. Files that are bad change nothing.
func (c *Core) ReloadGeo(ctx context.Context) {
	c.changing.Lock()
	defer c.changing.Unlock()
	old := c.declared.Load()
	next := *old
	cfg := *old.config
	next.config = &cfg
	if err := readGeo(&next); err != nil {
		c.geoFailed(err)
		return
	}
	again, err := compile(&cfg, c.counters)
	if err != nil {
		c.geoFailed(err)
		return
	}
	again.loadedAt, again.warnings = old.loadedAt, old.warnings
	moved := snapshot.Moved(old.layout, again.layout)
	c.adopt(ctx, again)
	c.mu.Lock()
	c.geoError = ""
	c.mu.Unlock()
	info := cfg.Geo.Sources.Database.Info()
	c.log.Info("geographic data replaced", "database", databaseName(&cfg), "built", info.BuildTime.Format(time.DateOnly),
		"networks", info.Networks, "ipv4_moved", percent(moved.V4), "ipv6_moved", percent(moved.V6))
}

func (c *Core) geoFailed(err error) {
	c.mu.Lock()
	c.geoError = err.Error()
	c.mu.Unlock()
	c.log.Error("the new geographic data is bad; the old stays in use", "error", err)
}

// readGeo opens the files that the configuration names anew.
func readGeo(d *declared) (err error) {
	g := &d.config.Geo
	if g.Database != "" {
		if g.Sources.Database, err = geo.Open(g.Database); err != nil {
			return err
		}
	}
	if g.ASNDatabase != "" {
		if g.Sources.ASN, err = geo.Open(g.ASNDatabase); err != nil {
			return err
		}
	}
	if g.Networks == "" {
		return nil
	}
	text, err := os.ReadFile(g.Networks)
	if err != nil {
		return err
	}
	overrides, errs := geo.ReadOverrides(g.Networks, bytes.NewReader(text), d.config.Regions)
	if len(errs) > 0 {
		return errors.Join(errs...)
	}
	g.Sources.Overrides = overrides
	return nil
}

func percent(share float64) string { return fmt.Sprintf("%.2f%%", 100*share) }
