package serve

import (
	"sync"
	"time"

	"meridian/admin"
)

// histogram counts durations. Safe for several goroutines.
type histogram struct {
	mu sync.Mutex
	h  admin.Histogram
}

var publishBounds = []float64{.0001, .0005, .001, .005, .01, .05, .1, .5, 1, 5}

func newHistogram(bounds []float64) *histogram {
	return &histogram{h: admin.Histogram{Bounds: bounds, Counts: make([]uint64, len(bounds))}}
}

func (h *histogram) observe(d time.Duration) {
	h.mu.Lock()
	defer h.mu.Unlock()
	s := d.Seconds()
	h.h.Count++
	h.h.Sum += s
	for i, b := range h.h.Bounds {
		if s <= b {
			h.h.Counts[i]++
		}
	}
}

// read returns the counts as they are now.
func (h *histogram) read() admin.Histogram {
	h.mu.Lock()
	defer h.mu.Unlock()
	out := h.h
	out.Counts = append([]uint64(nil), h.h.Counts...)
	return out
}
