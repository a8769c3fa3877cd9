package detect

// spread counts how far a hypothesis reaches: over targets, or over the services
// or regions to which they belong.
type spread struct {
	many           int // so many are enough, whatever their share
	all, seen, bad int
	parts          map[string]*part
}

// part is one of them: some of its targets have fresh rows, some of these fail.
type part struct{ seen, bad bool }

// add takes a target into the part that name names; "" is none.
func (s *spread) add(name string, seen, bad bool) {
	if name == "" {
		return
	}
	p := s.parts[name]
	if p == nil {
		if s.parts == nil {
			s.parts = map[string]*part{}
		}
		p = &part{}
		s.parts[name] = p
		s.all++
	}
	if seen && !p.seen {
		p.seen = true
		s.seen++
	}
	if bad && !p.bad {
		p.bad = true
		s.bad++
	}
}

func (s *spread) fresh(share float64) bool { return s.enough(s.seen, share) }
func (s *spread) fails(share float64) bool { return s.enough(s.bad, share) }

func (s *spread) enough(n int, share float64) bool {
	return n >= s.many || float64(n) >= share*float64(s.all)
}
