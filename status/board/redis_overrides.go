package board

import (
	"context"
	"errors"
)

func (k keys) overrides() string { return k.base + "overrides" }

// Overrides returns the fleet's overrides.
func (r *Redis) Overrides(ctx context.Context) (OverrideSet, error) {
	if err := r.reads.closed(); err != nil {
		return OverrideSet{}, err
	}
	replies, err := r.client.batch(ctx, command{"GET", r.keys.overrides()})
	if err == nil {
		err = replies[0].err
	}
	var set OverrideSet
	if err == nil {
		text, _ := replies[0].value.(string)
		set, err = parseOverrides([]byte(text))
	}
	r.figures.count("overrides", err)
	return set, err
}

// SetOverrides replaces the fleet's overrides, if nobody else has. What can't be read is replaced.
func (r *Redis) SetOverrides(ctx context.Context, expected int64, next OverrideSet) (OverrideSet, error) {
	next, data, err := next.advance(expected)
	if err != nil {
		return OverrideSet{}, err
	}
	key := r.keys.overrides()
	err = r.client.transact(ctx, key, []command{{"TYPE", key}, {"GET", key}}, func(seen []reply) ([]command, error) {
		if kind, _ := seen[0].value.(string); kind == "string" || kind == "none" {
			text, _ := seen[1].value.(string)
			if now, err := parseOverrides([]byte(text)); err == nil && now.Revision != expected {
				return nil, ErrOverridesChanged
			}
		}
		return []command{{"SET", key, string(data)}, {"PUBLISH", r.keys.hint(), hintEvent}}, nil
	})
	if errors.Is(err, errChanged) {
		err = ErrOverridesChanged
	}
	r.figures.count("overrides", err)
	if err != nil {
		return OverrideSet{}, err
	}
	return next, nil
}
