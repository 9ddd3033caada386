package checker

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/ohler55/ojg/jp"

	"meridian/zones"
)

// json judges a body that is JSON, and takes the load from it. Only who must have something in it must be JSON.
func (a *attempt) json(body []byte) error {
	var text any
	switch err := json.Unmarshal(body, &text); {
	case err != nil && len(a.check.JSON) == 0:
		a.load(a.check.Load, "no JSON")
		return nil
	case err != nil:
		what := "is no JSON"
		if len(body) == zones.MaxBody {
			what = fmt.Sprintf("is no JSON within the first %d bytes", zones.MaxBody)
		}
		return failure(fmt.Sprintf("%s, but the body %s: %v", a.seen.Reason, what, err))
	}
	if err := a.members(text); err != nil || a.check.Load == "" {
		return err
	}
	path, err := jp.ParseString(a.check.Load)
	if err != nil {
		return localFault{fmt.Errorf("%s is no JSONPath: %w", a.check.Load, err)}
	}
	if found := path.Get(text); len(found) == 1 {
		a.load(a.check.Load, strings.Trim(jsonText(found[0]), `"`))
	} else {
		a.load(a.check.Load, fmt.Sprintf("%d values", len(found)))
	}
	return nil
}

// members holds a JSON text against what is wanted of it. Each path must select something, and all that it selects must
// be equal: "$.checks[*].status" wants every check to be well.
func (a *attempt) members(text any) error {
	for _, m := range a.check.JSON {
		path, err := jp.ParseString(m.Path)
		if err != nil {
			return localFault{fmt.Errorf("%s is no JSONPath: %w", m.Path, err)}
		}
		found := path.Get(text)
		if len(found) == 0 {
			return failure(fmt.Sprintf("%s, but the body has no %s", a.seen.Reason, m.Path))
		}
		for _, v := range found {
			if !equalScalar(v, m.Want) {
				return failure(fmt.Sprintf("%s, but %s is %s, not %s", a.seen.Reason, m.Path, jsonText(v), jsonText(m.Want)))
			}
		}
		a.trace.step("json", fmt.Sprintf("%s is %s", m.Path, jsonText(m.Want)))
	}
	return nil
}

// equalScalar reports whether a JSON value is the wanted scalar. Values that aren't scalars equal nothing.
func equalScalar(v, want any) bool {
	switch v.(type) {
	case string, float64, bool, nil:
		return v == want
	}
	return false
}

// jsonText returns v as JSON, short enough for a reason.
func jsonText(v any) string {
	text, err := json.Marshal(v)
	if err != nil { // what was decoded can be encoded
		return fmt.Sprint(v)
	}
	if len(text) > 40 {
		return string(text[:40]) + "…"
	}
	return string(text)
}
