package scenario

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/miekg/dns"

	"meridian/admin"
	"meridian/status"
)

// operation is what an operator says in a story.
type operation struct {
	request admin.OverrideRequest
	end     string // the id of what ends; empty: request is laid down
}

// operatorVerbs are what an operator does, and the kind of override that it is.
var operatorVerbs = map[string]status.OverrideKind{
	"drains": status.OverrideDrain, "maintains": status.OverrideMaint, "forces": "", "dials": status.OverrideDial,
	"weighs": status.OverrideWeight, "ends": "",
}

const operatorGrammar = "say: operator drains|maintains REGION, forces up|down REGION, dials REGION SHARE%, weighs SERVICE REGION=WEIGHT…, or ends ID; " +
	"then [of SERVICE] [for 2h] [returning 10m] [because TEXT] [by force]"

// parseOperator reads what stands behind "operator".
func parseOperator(words []string) (operation, error) {
	mistake := fmt.Errorf("%s", operatorGrammar)
	if len(words) < 2 {
		return operation{}, mistake
	}
	kind, known := operatorVerbs[words[0]]
	if !known {
		return operation{}, mistake
	}
	o := operation{request: admin.OverrideRequest{Kind: string(kind), Author: "ann", Reason: "story"}}
	verb, words := words[0], words[1:]
	switch verb {
	case "ends":
		o.end, words = words[0], words[1:]
	case "forces", "dials":
		if len(words) < 2 {
			return o, mistake
		}
		if verb == "forces" {
			o.request.Kind, o.request.Region = words[0], words[1]
		} else {
			o.request.Region, o.request.Percent = words[0], words[1]
		}
		words = words[2:]
	case "weighs":
		o.request.Service, o.request.Weights, words = words[0], map[string]string{}, words[1:]
		for ; len(words) > 0 && strings.Contains(words[0], "="); words = words[1:] {
			region, weight, _ := strings.Cut(words[0], "=")
			o.request.Weights[region] = weight
		}
	default:
		o.request.Region, words = words[0], words[1:]
	}
	for ; len(words) > 0; words = words[2:] {
		if len(words) == 1 {
			return o, mistake
		}
		switch {
		case words[0] == "of":
			o.request.Service = dns.Fqdn(words[1])
		case words[0] == "for":
			o.request.For = words[1]
		case words[0] == "returning":
			o.request.Return = words[1]
		case words[0] == "because":
			o.request.Reason = words[1]
		case slices.Equal(words[:2], []string{"by", "force"}):
			o.request.Force = true
		default:
			return o, mistake
		}
	}
	return o, nil
}

// operate does what an operator says, and keeps what came of it.
func (r *runner) operate(words []string) error {
	o, err := parseOperator(words)
	if err != nil {
		return err
	}
	if o.end != "" {
		_, r.refusal = r.system.EndOverride(context.Background(), admin.EndRequest{ID: o.end, Author: "ann", Force: o.request.Force, Match: -1})
		return nil
	}
	_, r.refusal = r.system.Override(context.Background(), o.request, -1)
	return nil
}

// expectOperator checks what came of the operator's last word.
func (r *runner) expectOperator(e expectation) error {
	said := ""
	if r.refusal != nil {
		said = r.refusal.Error()
	}
	switch {
	case e.word == "obeyed" && said != "":
		return fmt.Errorf("the operator was refused: %s", said)
	case e.word == "refused" && said == "":
		return fmt.Errorf("the operator was obeyed")
	case !strings.Contains(said, e.text):
		return fmt.Errorf("the refusal doesn't say %q: %s", e.text, said)
	}
	return nil
}
