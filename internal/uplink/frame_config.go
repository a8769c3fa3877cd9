package uplink

import (
	"fmt"
	"math"

	"picket/internal/fleet"
	"picket/internal/uplink/wire"
	"picket/probes"
)

func configWire(c *fleet.Config) *wire.Config {
	w := &wire.Config{Id: c.ID, PolitenessUs: micros(c.Politeness), BudgetMonth: c.Budget.Month, BudgetDay: c.Budget.SpareDay}
	for _, t := range c.Targets {
		w.Targets = append(w.Targets, &wire.Target{
			Id: t.ID, Name: t.Name, Provider: t.Provider, Service: t.Service, Region: t.Region,
			Dependencies: t.Dependencies, Client: t.Client, Reference: t.Reference,
		})
	}
	for _, k := range c.Checks {
		w.Checks = append(w.Checks, &wire.Check{
			Id: k.ID, Target: k.Target, Spec: specWire(k.Spec), IntervalUs: micros(k.Interval), TypicalUs: micros(k.Typical),
		})
	}
	return w
}

// configFrom reads a config. A kind or an option of a check that this version
// does not know is no error: that check alone will answer "unsupported".
func configFrom(w *wire.Config) (fleet.Config, error) {
	c := fleet.Config{ID: w.GetId(), Politeness: duration(w.GetPolitenessUs()), Budget: fleet.Budget{Month: w.GetBudgetMonth(), SpareDay: w.GetBudgetDay()}}
	for _, t := range w.GetTargets() {
		c.Targets = append(c.Targets, fleet.Target{
			ID: t.GetId(), Name: t.GetName(), Provider: t.GetProvider(), Service: t.GetService(), Region: t.GetRegion(),
			Dependencies: t.GetDependencies(), Client: t.GetClient(), Reference: t.GetReference(),
		})
	}
	for i, k := range w.GetChecks() {
		spec, err := specFrom(k.GetSpec())
		if err != nil {
			return c, fmt.Errorf("check %d of config %d: %w", i, c.ID, err)
		}
		c.Checks = append(c.Checks, fleet.Check{
			ID: k.GetId(), Target: k.GetTarget(), Spec: spec, Interval: duration(k.GetIntervalUs()), Typical: duration(k.GetTypicalUs()),
		})
	}
	return c, nil
}

func specWire(s probes.Spec) *wire.Spec {
	w := &wire.Spec{
		Kind: uint32(s.Kind), Host: s.Host, Port: uint32(s.Port), TimeoutUs: micros(s.Timeout), Resolver: s.Resolver, Ca: s.CA,
		ServerName: s.ServerName, Query: s.Query, Packets: uint32(max(0, s.Packets)), Plain: s.Plain, Method: s.Method, Path: s.Path, Body: s.Body,
		Family: uint32(s.Family),
	}
	for _, code := range s.Status {
		w.Status = append(w.Status, uint32(max(0, code)))
	}
	return w
}

func specFrom(w *wire.Spec) (probes.Spec, error) {
	if w.GetPort() > math.MaxUint16 {
		return probes.Spec{}, fmt.Errorf("%w: port %d", ErrProtocol, w.GetPort())
	}
	s := probes.Spec{
		Kind: probes.Kind(min(w.GetKind(), math.MaxUint8)), Host: w.GetHost(), Port: uint16(w.GetPort()), Timeout: duration(w.GetTimeoutUs()),
		Resolver: w.GetResolver(), CA: w.GetCa(), ServerName: w.GetServerName(), Query: w.GetQuery(), Packets: int(min(w.GetPackets(), math.MaxUint16)),
		Plain: w.GetPlain(), Method: w.GetMethod(), Path: w.GetPath(), Body: w.GetBody(),
		Family: probes.Family(min(w.GetFamily(), math.MaxUint8)),
	}
	for _, code := range w.GetStatus() {
		s.Status = append(s.Status, int(code))
	}
	return s, nil
}

func rosterWire(r *fleet.Roster) *wire.Roster {
	w := &wire.Roster{Version: r.Version}
	for _, s := range r.Seats {
		w.Seats = append(w.Seats, &wire.Seat{Agent: s.Agent, Site: s.Site, Client: s.Client, Network: s.Network, Region: s.Region, Slot: s.Slot})
	}
	return w
}

func rosterFrom(w *wire.Roster) fleet.Roster {
	r := fleet.Roster{Version: w.GetVersion()}
	for _, s := range w.GetSeats() {
		r.Seats = append(r.Seats, fleet.Seat{
			Agent: s.GetAgent(), Site: s.GetSite(), Client: s.GetClient(), Network: s.GetNetwork(), Region: s.GetRegion(), Slot: s.GetSlot(),
		})
	}
	return r
}
