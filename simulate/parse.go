package simulate

import (
	"fmt"
	"math"
	"net/netip"
	"strconv"
	"strings"

	"meridian/zones"
)

// ParseDown reads REGION, SERVICE:REGION or the address of an endpoint.
func ParseDown(text string) (Down, error) {
	if addr, err := netip.ParseAddr(strings.Trim(text, "[]")); err == nil {
		return Down{Endpoint: addr.Unmap()}, nil
	}
	service, region, err := parsePool(text)
	return Down{Service: service, Region: region}, err
}

// ParseDial reads REGION=40% or SERVICE:REGION=40%.
func ParseDial(text string) (Dial, error) {
	pool, value, ok := strings.Cut(text, "=")
	if !ok {
		return Dial{}, &Mistake{Text: fmt.Sprintf("the dial %q says no share: write REGION=40%% or SERVICE:REGION=40%%", text)}
	}
	service, region, err := parsePool(pool)
	if err != nil {
		return Dial{}, err
	}
	share, _, err := parseNumber(value, "the dial of "+pool)
	if err != nil {
		return Dial{}, err
	}
	if !strings.HasSuffix(value, "%") {
		share /= 100
	}
	if share > 1 {
		return Dial{}, &Mistake{Text: fmt.Sprintf("the dial of %s is %g%%, not between 0%% and 100%%", pool, 100*share)}
	}
	return Dial{Service: service, Region: region, Share: share}, nil
}

// ParseWeight reads SERVICE:REGION=50, a weight, or SERVICE:REGION=50%, a share of the configured one.
func ParseWeight(text string) (Weight, error) {
	pool, value, ok := strings.Cut(text, "=")
	service, region, err := parsePool(pool)
	switch {
	case !ok || service == "" && err == nil:
		return Weight{}, &Mistake{Text: fmt.Sprintf("the weight %q is not of the form SERVICE:REGION=50, or 50%% of the configured one", text)}
	case err != nil:
		return Weight{}, err
	}
	n, relative, err := parseNumber(value, "the weight of "+pool)
	if err != nil {
		return Weight{}, err
	}
	if relative && n > 1 {
		return Weight{}, &Mistake{Text: fmt.Sprintf("the weight of %s is %s of the configured one, not between 0%% and 100%%", pool, value)}
	}
	return Weight{Service: service, Region: region, Value: n, Relative: relative}, nil
}

// ParseDemand reads N, for every service, or SERVICE=N: queries or requests per second, in the unit of the capacities.
func ParseDemand(text string) (service string, demand float64, err error) {
	value := text
	if name, number, ok := strings.Cut(text, "="); ok {
		value = number
		if service, err = ParseService(name); err != nil {
			return "", 0, err
		}
	}
	demand, relative, err := parseNumber(value, "the demand")
	if err == nil && relative {
		err = &Mistake{Text: fmt.Sprintf("the demand %q is a share; it is a number of queries or requests per second", text)}
	}
	return service, demand, err
}

func parsePool(text string) (service, region string, err error) {
	name, region, ok := strings.Cut(text, ":")
	if !ok {
		name, region = "", text
	}
	if region == "" {
		return "", "", &Mistake{Text: fmt.Sprintf("%q names no region: write REGION or SERVICE:REGION", text)}
	}
	if ok {
		service, err = ParseService(name)
	}
	return service, region, err
}

// ParseService returns the canonical name of a service.
func ParseService(name string) (string, error) {
	canonical, err := zones.CanonicalName(name)
	if err != nil {
		return "", &Mistake{Text: fmt.Sprintf("service %q is not a domain name: %v", name, err)}
	}
	return canonical, nil
}

// parseNumber reads a number from 0 on, or a percentage, as a share.
func parseNumber(text, what string) (n float64, percent bool, err error) {
	digits, percent := strings.CutSuffix(text, "%")
	n, err = strconv.ParseFloat(digits, 64)
	switch {
	case err != nil || math.IsNaN(n) || math.IsInf(n, 0):
		return 0, percent, &Mistake{Text: fmt.Sprintf("%s is %q, which is no number", what, text)}
	case n < 0:
		return 0, percent, &Mistake{Text: fmt.Sprintf("%s is %s; it can't be below 0", what, text)}
	case percent:
		n /= 100
	}
	return n, percent, nil
}

// ParseHypothesis reads lists of what ParseDown, ParseDial and ParseWeight read.
func ParseHypothesis(down, dials, weights []string) (h Hypothesis, err error) {
	if h.Down, err = parseAll(down, ParseDown); err != nil {
		return Hypothesis{}, err
	}
	if h.Dials, err = parseAll(dials, ParseDial); err != nil {
		return Hypothesis{}, err
	}
	if h.Weights, err = parseAll(weights, ParseWeight); err != nil {
		return Hypothesis{}, err
	}
	return h, nil
}

func parseAll[T any](texts []string, parse func(string) (T, error)) ([]T, error) {
	var out []T
	for _, text := range texts {
		v, err := parse(text)
		if err != nil {
			return nil, err
		}
		out = append(out, v)
	}
	return out, nil
}
