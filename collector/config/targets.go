package config

import (
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"maps"
	"slices"
	"time"

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
func (s *schema) targets() func(int, *node, string) {
	first := map[string]int{}
	return func(_ int, n *node, path string) {
		var (
			t      Target
			b      base
			checks *node
			at     = n
		)
		s.object(n, path, fields{
			"id":        func(n *node, path string) { at = n; s.id(&t.ID)(n, path) },
			"name":      s.line(&t.Name, 100),
			"provider":  s.reference(&t.Provider, s.id, "provider", s.providerIDs),
			"service":   s.id(&t.Service),
			"region":    s.id(&t.Region),
			"depends":   s.depends(&t.Dependencies),
			"client":    s.reference(&t.Client, s.client, "client", s.clientIDs),
			"reference": s.boolean(&t.Reference),
			"host":      s.host(&b.host),
			"ca":        s.authority(&b.ca),
			"ca_file":   s.authorityFile(&b.ca),
			"checks":    func(n *node, _ string) { checks = n },
		})
		if n.kind != object {
			return
		}
		if has(n, "ca") && has(n, "ca_file") {
			s.bad(n.at, "%s has both ca and ca_file: keep one", path)
		}
		named := s.unique(first, n, at, path, "target", t.ID)
		if !has(n, "provider") && !t.Reference && !has(n, "client") && !has(n, "reference") {
			s.bad(n.at, "%s has no provider: name one, or mark it as reference: true or as private to a client", path)
		}
		b.bad = b.host == "" && has(n, "host")
		s.checks(&t, b, n, checks, path)
		if named {
			s.out.Targets = append(s.out.Targets, t)
		}
	}
}

// depends reads the shared components under a target.
func (s *schema) depends(into *[]string) read {
	return s.each(16, func(_ int, n *node, path string) {
		var id string
		s.id(&id)(n, path)
		if id != "" && slices.Contains(*into, id) {
			s.wrong(n, path, "is given twice: remove one")
			return
		}
		if id != "" {
			*into = append(*into, id)
		}
	})
}

// reference takes an id that must be defined somewhere in the file. known nil
// means that any id will do.
func (s *schema) reference(into *string, take func(*string) read, what string, known func() []string) read {
	return func(n *node, path string) {
		take(into)(n, path)
		id := *into
		if id == "" {
			return
		}
		s.later = append(s.later, func() {
			ids := known()
			if ids == nil || slices.Contains(ids, id) {
				return
			}
			s.wrong(n, path, "no such %s%s; define it under %ss", what, didYouMean(id, ids), what)
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
func (s *schema) authority(into *string) read {
	return func(n *node, path string) {
		var text string
		s.text(&text, maxCA)(n, path)
		if text == "" {
			return
		}
		if err := validPEM([]byte(text)); err != nil {
			s.bad(n.at, "%s: %v", path, err)
			return
		}
		*into = text
	}
}

// authorityFile reads the PEM bundle of a file.
func (s *schema) authorityFile(into *string) read {
	return func(n *node, path string) {
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
			s.wrong(n, path, "%v", err)
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
			return fmt.Errorf("holds a PEM block of type %q: give certificates only, never a key", clip(block.Type, 40))
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
func (s *schema) checks(t *Target, b base, target, n *node, path string) {
	path += ".checks"
	if n == nil || n.kind == list && len(n.items) == 0 {
		s.bad(target.at, "%s is missing: say how to ask, such as checks: [dns, http]", path)
		return
	}
	first := map[string]int{}
	s.each(maxChecks, func(_ int, n *node, path string) {
		c, id, ok := s.check(n, path, b)
		if !ok {
			return
		}
		if id == "" {
			id = c.Spec.Kind.String()
		}
		if line, twice := first[id]; twice {
			s.bad(n.at, "%s: this target already has a check %q on line %d: give this one an id of its own", path, id, line)
			return
		}
		first[id] = n.at.line
		c.ID, c.Target = t.ID+"/"+id, t.ID
		t.Checks = append(t.Checks, c)
	})(n, path)
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
