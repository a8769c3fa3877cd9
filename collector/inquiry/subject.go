package inquiry

import (
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"picket/internal/fleet"
	"picket/probes"
)

// maxTyped bounds what somebody may type.
const maxTyped = 2048

// Subject is what a question is about.
type Subject struct {
	Target fleet.Target // zero when nobody watches it
	Spec   probes.Spec  // what sites ask
	// Exact is false when the target was found by its host alone, and what was
	// typed names another page of it.
	Exact bool
}

// Find looks text up among the targets whose client sees: by id, by name, by the
// host of a check or by a URL of it. Of a target's checks it takes the one that
// comes farthest; but who writes a URL wants HTTP asked, and a port that opens
// is no answer to that.
func Find(cfg *fleet.Config, text string, sees func(client string) bool) (Subject, bool) {
	text = strings.TrimSpace(text)
	for _, same := range []func(t fleet.Target) bool{
		func(t fleet.Target) bool { return t.ID == text },
		func(t fleet.Target) bool { return strings.EqualFold(t.ID, text) },
		func(t fleet.Target) bool { return t.Name != "" && strings.EqualFold(t.Name, text) },
	} {
		for _, t := range cfg.Targets {
			if text != "" && sees(t.Client) && same(t) {
				spec, ok := farthest(cfg, t.ID)
				return Subject{t, spec, true}, ok
			}
		}
	}
	return findHost(cfg, text, sees)
}

// findHost looks for a check of the host that text names.
func findHost(cfg *fleet.Config, text string, sees func(client string) bool) (found Subject, ok bool) {
	asked, err := Parse(text)
	if err != nil {
		return Subject{}, false
	}
	schemed := strings.Contains(text, "://")
	named := strings.Contains(strings.TrimPrefix(strings.TrimPrefix(text, "https://"), "http://"), ":")
	rank := 0
	for _, c := range cfg.Checks {
		i := slices.IndexFunc(cfg.Targets, func(t fleet.Target) bool { return t.ID == c.Target })
		if i < 0 || !sees(cfg.Targets[i].Client) || !sameHost(c.Spec.Host, asked.Host) || named && c.Spec.Port != asked.Port {
			continue
		}
		page := c.Spec.Kind == probes.HTTP && c.Spec.Plain == asked.Plain
		s := Subject{cfg.Targets[i], c.Spec, (page || !schemed) && (asked.Path == "" || asked.Path == "/") || page && c.Spec.Path == asked.Path}
		r := depth(c.Spec.Kind)
		if s.Exact {
			r += 10
		}
		if r > rank {
			found, ok, rank = s, true, r
		}
	}
	return found, ok
}

func sameHost(a, b string) bool {
	return strings.EqualFold(strings.TrimSuffix(a, "."), strings.TrimSuffix(b, "."))
}

// depth orders kinds by how much of the chain they see.
func depth(k probes.Kind) int {
	return map[probes.Kind]int{probes.HTTP: 5, probes.TLS: 4, probes.TCP: 3, probes.DNS: 2, probes.Ping: 1}[k]
}

func farthest(cfg *fleet.Config, target string) (spec probes.Spec, ok bool) {
	best := 0
	for _, c := range cfg.Checks {
		if d := depth(c.Spec.Kind); c.Target == target && d > best {
			spec, best = c.Spec, d
		}
	}
	return spec, best > 0
}

// Parse reads what somebody typed as something to probe: an http or https URL; a
// host, with a port or a path or without, as https; an address as a TCP
// connection, to port 443 unless it names another, since no certificate is made
// out to it.
func Parse(text string) (probes.Spec, error) {
	text = strings.TrimSpace(text)
	if len(text) > maxTyped {
		return probes.Spec{}, fmt.Errorf("it has %d bytes, at most %d are read", len(text), maxTyped)
	}
	if a, err := netip.ParseAddr(strings.Trim(text, "[]")); err == nil {
		return valid(probes.Spec{Kind: probes.TCP, Host: a.String(), Port: 443})
	}
	if a, err := netip.ParseAddrPort(text); err == nil {
		return valid(probes.Spec{Kind: probes.TCP, Host: a.Addr().String(), Port: a.Port()})
	}
	if !strings.Contains(text, "://") {
		text = "https://" + text
	}
	u, err := url.Parse(text)
	switch {
	case err != nil:
		return probes.Spec{}, errors.New("it is neither a URL nor a host") // the parser's own text may repeat a password
	case u.Scheme != "https" && u.Scheme != "http":
		return probes.Spec{}, fmt.Errorf("only http and https are asked, not %.20q", u.Scheme)
	case u.User != nil:
		return probes.Spec{}, errors.New("a user name or password does not belong here: it would travel to other sites")
	}
	s := probes.Spec{Kind: probes.HTTP, Host: u.Hostname(), Plain: u.Scheme == "http", Path: u.EscapedPath()}
	if p := u.Port(); p != "" {
		n, err := strconv.ParseUint(p, 10, 16)
		if err != nil || n == 0 {
			return probes.Spec{}, fmt.Errorf("%.10q is not a port", p)
		}
		s.Port = uint16(n)
	}
	if u.RawQuery != "" {
		if s.Path == "" {
			s.Path = "/"
		}
		s.Path += "?" + u.RawQuery
	}
	return valid(s)
}

func valid(s probes.Spec) (probes.Spec, error) {
	if err := s.Validate(); err != nil {
		return probes.Spec{}, err
	}
	return s, nil
}

// Near is the id, name or host that text was probably meant to be; "" if nothing
// is near.
func Near(cfg *fleet.Config, text string, sees func(client string) bool) string {
	text = strings.ToLower(strings.TrimSpace(text))
	if text == "" || len(text) > 128 {
		return ""
	}
	best, most := "", min(4, max(1, len(text)/2))
	try := func(word string) {
		if word == "" || len(word) > 128 {
			return
		}
		if d := distance(text, strings.ToLower(word)); d <= most {
			best, most = word, d-1
		}
	}
	seen := map[string]bool{}
	for _, t := range cfg.Targets {
		if seen[t.ID] = sees(t.Client); seen[t.ID] {
			try(t.ID)
			try(t.Name)
		}
	}
	for _, c := range cfg.Checks {
		if seen[c.Target] {
			try(c.Spec.Host)
		}
	}
	return best
}

// distance is how many characters must be typed, left out or changed to make a b.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			change := diagonal
			if a[i] != b[j] {
				change++
			}
			diagonal = row[j+1]
			row[j+1] = min(change, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
