package serve

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"path/filepath"
	"sync"
	"time"

	"github.com/miekg/dns"

	"meridian/cmd/config"
	"meridian/dnsserver"
	"meridian/ledger"
	"meridian/simulate"
)

const (
	// takeSamples is how often samples are taken from the workers, before they find no room.
	takeSamples = time.Second
	// saveLedger is how often the ledger is written to data_dir.
	saveLedger = 5 * time.Minute
)

// book is the ledger of one server, and its file. Its methods may be called by any goroutine.
type book struct {
	log *slog.Logger

	mu      sync.Mutex
	path    string         // empty: it isn't kept on disk
	ledger  *ledger.Ledger // nil: switched off
	changed bool           // since it was saved
	said    string         // the last trouble with the file
}

// newBook opens the ledger that the configuration asks for.
func newBook(cfg *config.Config, log *slog.Logger) *book {
	b := &book{log: log}
	if cfg.DataDir != "" {
		b.path = filepath.Join(cfg.DataDir, "ledger")
	}
	if cfg.DNS.Ledger {
		b.open()
	}
	return b
}

func newSource() rand.Source { return rand.NewPCG(rand.Uint64(), rand.Uint64()) }

func (b *book) open() {
	b.ledger = ledger.New(ledger.MaxEntries, newSource())
	if b.path == "" {
		return
	}
	var err error
	b.ledger, err = ledger.Load(b.path, ledger.MaxEntries, newSource())
	b.say(err, "the ledger of queries can't be read; a new one is begun")
}

// say logs trouble with the file, once until it is over or another one.
func (b *book) say(err error, what string) {
	text := ""
	if err != nil {
		text = err.Error()
	}
	if text != "" && text != b.said {
		b.log.Warn(what, "error", text)
	}
	b.said = text
}

// set switches the ledger on or off. Off, nothing is left of it, not even the file.
func (b *book) set(on bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case on && b.ledger == nil:
		b.open()
	case !on:
		b.ledger = nil
		if b.path != "" {
			b.say(ledger.Remove(b.path), "the ledger of queries, which is switched off, can't be deleted")
		}
	}
}

// add counts a sample.
func (b *book) add(s dnsserver.Sample) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.ledger == nil {
		return
	}
	b.ledger.Add(ledger.Key{Client: ledger.Cut(s.Client), Service: s.Service, Type: s.Type}, s.Count)
	b.changed = true
}

// watch says that samples came in for another d.
func (b *book) watch(d time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.ledger != nil {
		b.ledger.Watch(d)
	}
}

// save writes what has changed.
func (b *book) save() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.ledger == nil || b.path == "" || !b.changed {
		return
	}
	err := b.ledger.Save(b.path)
	b.changed = err != nil
	b.say(err, "the ledger of queries can't be saved; it is tried again")
}

// queries returns what is recorded, and how many seconds it stands for; nil: nothing.
func (b *book) queries() ([]simulate.Query, float64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.ledger == nil {
		return nil, 0
	}
	var out []simulate.Query
	for _, e := range b.ledger.Entries() {
		if e.Type == dns.TypeA || e.Type == dns.TypeAAAA {
			out = append(out, simulate.Query{Client: e.Client, Service: e.Service, Type: e.Type, Count: e.Count})
		}
	}
	return out, b.ledger.Seconds()
}

// keepLedger takes samples from the workers until ctx ends, and saves them then.
func (s *server) keepLedger(ctx context.Context) {
	s.book.set(s.declared.Load().config.DNS.Ledger) // one that was switched off while no server ran is deleted
	take := time.NewTicker(takeSamples)
	defer take.Stop()
	watched := time.Now()
	saved := watched
	defer func() {
		s.dns.Samples(s.book.add)
		s.book.watch(time.Since(watched))
		s.book.save()
	}()
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-take.C:
			s.dns.Samples(s.book.add)
			s.book.watch(now.Sub(watched))
			watched = now
			if now.Sub(saved) >= saveLedger {
				s.book.save()
				saved = now
			}
		}
	}
}
