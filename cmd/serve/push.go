package serve

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"meridian/admin"
	"meridian/checker"
	"meridian/cmd/config/nearest"
	"meridian/status"
	"meridian/zones"
)

// Push implements admin.Mailbox: a heartbeat goes to this process's checker.
func (p *process) Push(_ context.Context, r admin.PushRequest) error {
	cfg := p.declared.Load().config
	if !cfg.Checker.Enabled {
		return &admin.RequestError{Text: "this server has no checker", Hint: "send heartbeats to one that has (checker: {})"}
	}
	service, err := serviceNamed(cfg.Services, r.Service)
	if err != nil {
		return err
	}
	addr, err := endpointOf(service, r.Region, r.Endpoint)
	if err != nil {
		return err
	}
	check, err := pushCheck(service, r.Check)
	if err != nil {
		return err
	}
	beat := checker.Beat{Health: status.Up, Withheld: r.Withheld, Reason: r.Reason}
	if r.Load != nil {
		beat.Load, _ = status.NewLoad(*r.Load)
	}
	if r.State == admin.StateDown {
		beat.Health = status.Down
	}
	if err := p.checker.Push(check.Target(addr), beat); err != nil {
		return &admin.RequestError{Text: err.Error()}
	}
	return nil
}

func serviceNamed(services []*zones.Service, name string) (*zones.Service, error) {
	canonical, err := zones.CanonicalName(name)
	if err != nil {
		return nil, &admin.RequestError{Text: fmt.Sprintf("service %q is not a domain name: %v", name, err)}
	}
	var names []string
	for _, s := range services {
		if s.Name == canonical {
			return s, nil
		}
		names = append(names, s.Name)
	}
	return nil, &admin.RequestError{Text: "there is no service " + canonical + nearest.Hint(canonical, names)}
}

// endpointOf finds the endpoint of that address in the service's pool of that region. Either may be empty: an endpoint is
// looked for in all pools, and a pool of one endpoint means that one.
func endpointOf(s *zones.Service, region, endpoint string) (netip.Addr, error) {
	addr, err := netip.ParseAddr(endpoint)
	if endpoint != "" && err != nil {
		return addr, &admin.RequestError{Text: fmt.Sprintf("endpoint %q is not an IP address", endpoint)}
	}
	addr = addr.Unmap()
	var regions []string
	for _, p := range s.Pools {
		regions = append(regions, p.Region.Name)
		switch {
		case region != "" && region != p.Region.Name:
		case endpoint != "" && slices.Contains(p.Endpoints, addr):
			return addr, nil
		case endpoint == "" && len(p.Endpoints) == 1:
			return p.Endpoints[0], nil
		case endpoint == "":
			return addr, &admin.RequestError{Text: fmt.Sprintf("pool %s of service %s has %d endpoints", region, s.Name, len(p.Endpoints)), Hint: "name one with endpoint"}
		}
	}
	if region != "" && !slices.Contains(regions, region) {
		return addr, &admin.RequestError{
			Text: fmt.Sprintf("service %s has no pool in region %q%s", s.Name, region, nearest.Hint(region, regions)),
			Hint: "it has: " + strings.Join(regions, ", "),
		}
	}
	return addr, &admin.RequestError{Text: fmt.Sprintf("service %s has no endpoint %s there", s.Name, addr)}
}

// pushCheck finds the push check of that name among those of the service; the only one for an empty name.
func pushCheck(s *zones.Service, name string) (*zones.Check, error) {
	var found []*zones.Check
	var names []string
	if s.Check != nil {
		for _, p := range s.Check.Parts() {
			if p.Type == zones.CheckPush {
				names = append(names, p.Name)
				if name == "" || name == p.Name {
					found = append(found, p)
				}
			}
		}
	}
	switch {
	case len(names) == 0:
		return nil, &admin.RequestError{Text: fmt.Sprintf("service %s has no check of type push", s.Name)}
	case len(found) == 0:
		return nil, &admin.RequestError{Text: fmt.Sprintf("service %s has no push check %q", s.Name, name), Hint: "it has: " + strings.Join(names, ", ")}
	case len(found) > 1:
		return nil, &admin.RequestError{Text: fmt.Sprintf("service %s has several push checks", s.Name), Hint: "name one with check: " + strings.Join(names, ", ")}
	}
	return found[0], nil
}
