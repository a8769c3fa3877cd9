package config

import (
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"maps"
	"slices"
	"time"

	"picket/collector/config/strict"
	"picket/internal/fleet"
)

// Bounds of targets. A second is the shortest interval that is still polite
// towards a service that is not one's own.
const (
	minInterval = time.Second
	maxInterval = 24 * time.Hour
	minTimeout  = 100 * time.Millisecond
	maxTimeout  = time.Minute
	maxCA       = 16 << 10 // bytes, as probes.Spec says
)

// base is what a target's checks inherit.
type base struct {
	host string
	bad  bool // a host was given, but it makes no sense: told once, not per check
	ca   string
}

// targets reads the targets; ids are unique in the file.
func (s *schema) targets() func(int, *strict.Node, string) {
	first := map[string]int{}
	return func(_ int, n *strict.Node, path string) {
		var (
			t      Target
			b      base
			checks *strict.Node
			at     = n
		)
		s.Object(n, path, strict.Keys{
			"id":        func(n *strict.Node, path string) { at = n; s.ID(&t.ID)(n, path) },
			"name":      s.Line(&t.Name, 100),
			"provider":  s.reference(&t.Provider, s.ID, "provider", s.providerIDs),
			"service":   s.ID(&t.Service),
			"region":    s.ID(&t.Region),
			"depends":   s.depends(&t.Dependencies),
			"client":    s.reference(&t.Client, s.client, "client", s.clientIDs),
			"reference": s.Boolean(&t.Reference),
			"host":      s.host(&b.host),
			"ca":        s.authority(&b.ca),
			"ca_file":   s.authorityFile(&b.ca),
			"checks":    func(n *strict.Node, _ string) { checks = n },
		})
		if n.Kind != strict.Object {
			return
		}
		if n.Has("ca") && n.Has("ca_file") {
			s.Bad(n.At, "%s has both ca and ca_file: keep one", path)
		}
		named := s.unique(first, n, at, path, "target", t.ID)
		if !n.Has("provider") && !t.Reference && !n.Has("client") && !n.Has("reference") {
			s.Bad(n.At, "%s has no provider: name one, or mark it as reference: true or as private to a client", path)
		}
		b.bad = b.host == "" && n.Has("host")
		s.checks(&t, b, n, checks, path)
		if named {
			s.out.Targets = append(s.out.Targets, t)
		}
	}
}

// depends reads the shared components under a target.
func (s *schema) depends(into *[]string) strict.Read {
	return s.Each(16, func(_ int, n *strict.Node, path string) {
		var id string
		s.ID(&id)(n, path)
		if id != "" && slices.Contains(*into, id) {
			s.Wrong(n, path, "is given twice: remove one")
			return
		}
		if id != "" {
			*into = append(*into, id)
		}
	})
}

// reference takes an id that must be defined somewhere in the file. known nil
// means that any id will do.
func (s *schema) reference(into *string, take func(*string) strict.Read, what string, known func() []string) strict.Read {
	return func(n *strict.Node, path string) {
		take(into)(n, path)
		id := *into
		if id == "" {
			return
		}
		s.Later(func() {
			ids := known()
			if ids == nil || slices.Contains(ids, id) {
				return
			}
			s.Wrong(n, path, "no such %s%s; define it under %ss", what, strict.DidYouMean(id, ids), what)
		})
	}
}

// providerIDs are the providers of the file and of the catalogue, whose names
// may be used without including it.
func (s *schema) providerIDs() []string {
	ids := map[string]bool{}
	for _, p := range s.out.Providers {
		ids[p.ID] = true
	}
	if s.catalogue != nil {
		for _, p := range s.catalogue.get().Providers {
			ids[p.ID] = true
		}
	}
	return slices.Sorted(maps.Keys(ids))
}

// clientIDs is nil without a clients list: clients are born with tokens.
func (s *schema) clientIDs() []string {
	var ids []string
	for _, c := range s.out.Clients {
		ids = append(ids, c.ID)
	}
	return ids
}

// authority reads a PEM bundle.
func (s *schema) authority(into *string) strict.Read {
	return func(n *strict.Node, path string) {
		var text string
		s.Text(&text, maxCA)(n, path)
		if text == "" {
			return
		}
		if err := validPEM([]byte(text)); err != nil {
			s.Bad(n.At, "%s: %v", path, err)
			return
		}
		*into = text
	}
}

// authorityFile reads the PEM bundle of a file.
func (s *schema) authorityFile(into *string) strict.Read {
	return func(n *strict.Node, path string) {
		var name string
		s.path(&name)(n, path)
		if name == "" {
			return
		}
		text, err := readSmall(name, maxCA)
		if err == nil {
			err = validPEM(text)
		}
		if err != nil {
			s.Wrong(n, path, "%v", err)
			return
		}
		s.digest.Write(text)
		*into = string(text)
	}
}

func validPEM(text []byte) error {
	count := 0
	for {
		var block *pem.Block
		if block, text = pem.Decode(text); block == nil {
			break
		}
		if block.Type != "CERTIFICATE" {
			return fmt.Errorf("holds a PEM block of type %q: give certificates only, never a key", strict.Clip(block.Type, 40))
		}
		if _, err := x509.ParseCertificate(block.Bytes); err != nil {
			return fmt.Errorf("certificate %d cannot be read: %v", count+1, err)
		}
		count++
	}
	if count == 0 {
		return fmt.Errorf("holds no PEM certificate: it begins with -----BEGIN CERTIFICATE-----")
	}
	return nil
}

// checks reads the checks of t and gives them their ids.
func (s *schema) checks(t *Target, b base, target, n *strict.Node, path string) {
	path += ".checks"
	if n == nil || n.Kind == strict.List && len(n.Items) == 0 {
		s.Bad(target.At, "%s is missing: say how to ask, such as checks: [dns, http]", path)
		return
	}
	first, plain := map[string]int{}, map[string]strict.Place{}
	s.Each(maxChecks, func(_ int, n *strict.Node, path string) {
		c, id, ok := s.check(n, path, b)
		if !ok {
			return
		}
		if id == "" {
			id = c.Spec.Kind.String()
			if c.Spec.Family != 0 {
				id += c.Spec.Family.String() // http4 and http6 of one target, side by side
			}
		}
		if line, twice := first[id]; twice {
			s.Bad(n.At, "%s: this target already has a check %q on line %d: give this one an id of its own", path, id, line)
			return
		}
		first[id] = n.At.Line
		c.ID, c.Target = t.ID+"/"+id, t.ID
		t.Checks = append(t.Checks, c)
		if bare(n) {
			plain[c.ID] = n.At
		}
	})(n, path)
	s.fold(t, plain)
}

// defaulted gives c the file's interval for its kind, else the general one.
func (s *schema) defaulted(c *fleet.Check) {
	if c.Interval == 0 {
		c.Interval = s.interval[c.Spec.Kind]
	}
	if c.Interval == 0 {
		c.Interval = DefaultInterval(c.Spec.Kind)
	}
}
