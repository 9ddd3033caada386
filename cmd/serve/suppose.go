package serve

import (
	"errors"
	"strings"

	"meridian/admin"
	"meridian/cmd/config/nearest"
	"meridian/simulate"
	"meridian/snapshot"
)

// suppose returns the snapshot as it would be in the state of the world that the request supposes, and that state in
// words; empty: it supposes nothing, and the snapshot is the one in use.
func suppose(snap *snapshot.Snapshot, req admin.ExplainRequest) (*snapshot.Snapshot, string, error) {
	var h simulate.Hypothesis
	var words []string
	for _, text := range req.Down {
		down, err := simulate.ParseDown(text)
		if err != nil {
			return nil, "", mistaken(err)
		}
		h.Down = append(h.Down, down)
		words = append(words, text+" is down")
	}
	for _, text := range req.Dials {
		dial, err := simulate.ParseDial(text)
		if err != nil {
			return nil, "", mistaken(err)
		}
		h.Dials = append(h.Dials, dial)
		words = append(words, "the dial of "+text)
	}
	for _, text := range req.Weights {
		weight, err := simulate.ParseWeight(text)
		if err != nil {
			return nil, "", mistaken(err)
		}
		h.Weights = append(h.Weights, weight)
		words = append(words, "the weight of "+text)
	}
	if h.Empty() {
		return snap, "", nil
	}
	if err := h.Check(snap); err != nil {
		return nil, "", mistaken(err)
	}
	return snap.Suppose(h.Terms()), strings.Join(words, ", "), nil
}

// mistaken is a mistake in a hypothesis as one of the request.
func mistaken(err error) error {
	mistake, ok := errors.AsType[*simulate.Mistake](err)
	if !ok {
		return err
	}
	return &admin.RequestError{Text: mistake.Text + nearest.Hint(mistake.Word, mistake.Known)}
}
