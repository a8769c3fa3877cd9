package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"picket/internal/fleet"
)

// Agent is an enrolled agent.
type Agent struct {
	ID                    string
	Client, Site          string // Site is the site's id, "client/name"
	Region                string // vantage region of the site
	Declared              string // network of the site as the operator named it; "" if not
	HostedBy              string // provider on whose servers the site runs; "" none that is known
	Slot                  uint32 // drawn at enrolment, unique, never reused
	SiteSlot              uint32 // drawn when the site was made, unique among sites
	Created               time.Time
	NotAfter              time.Time // of its newest certificate
	Revoked               time.Time // zero: not revoked
	Seen                  time.Time // last sign of life that was stored; zero: never
	Version, OS, Hostname string
	Network               fleet.Network // as last observed; zero ID: never
}

const selectAgents = `SELECT agents.id, sites.client, agents.site, sites.region, sites.declared, sites.hosted, agents.slot, sites.slot,
	agents.created, not_after, revoked, seen, version, os, hostname,
	coalesce(networks.id, 0), coalesce(networks.name, ''), coalesce(upstream, ''), coalesce(basis, 0)
	FROM agents JOIN sites ON sites.id = agents.site LEFT JOIN networks ON networks.id = agents.network`

// scanner is a row or the current one of rows.
type scanner interface{ Scan(...any) error }

func scanAgent(r scanner) (Agent, error) {
	var a Agent
	var created, notAfter, revoked, seen int64
	err := r.Scan(&a.ID, &a.Client, &a.Site, &a.Region, &a.Declared, &a.HostedBy, &a.Slot, &a.SiteSlot, &created, &notAfter, &revoked, &seen,
		&a.Version, &a.OS, &a.Hostname, &a.Network.ID, &a.Network.Name, &a.Network.Upstream, &a.Network.Basis)
	a.Created, a.NotAfter, a.Revoked, a.Seen = moment(created), moment(notAfter), moment(revoked), moment(seen)
	return a, err
}

// Agents lists all agents, revoked ones too, in the order of their slots.
func (s *Store) Agents(ctx context.Context) ([]Agent, error) {
	rows, err := s.read.QueryContext(ctx, selectAgents+` ORDER BY agents.slot`)
	all, err := collect(rows, err, func(r *sql.Rows) (Agent, error) { return scanAgent(r) })
	if err != nil {
		return nil, fmt.Errorf("list agents: %w", err)
	}
	return all, nil
}

// Agent returns one agent. errors.Is: [ErrNotFound].
func (s *Store) Agent(ctx context.Context, id string) (Agent, error) {
	a, err := scanAgent(s.read.QueryRowContext(ctx, selectAgents+` WHERE agents.id = ?`, id))
	if errors.Is(err, sql.ErrNoRows) {
		err = ErrNotFound
	}
	if err != nil {
		return Agent{}, fmt.Errorf("read agent %s: %w", id, err)
	}
	return a, nil
}

// Revoke ends an agent's membership for ever. Doing it again changes nothing.
// errors.Is: [ErrNotFound].
func (s *Store) Revoke(ctx context.Context, id string, now time.Time) error {
	return s.one(ctx, "revoke agent "+id, `UPDATE agents SET revoked = iif(revoked = 0, ?2, revoked) WHERE id = ?1`, id, millis(now))
}

// Renewed notes the end of an agent's new certificate. errors.Is: [ErrNotFound].
func (s *Store) Renewed(ctx context.Context, id string, notAfter time.Time) error {
	return s.one(ctx, "renew agent "+id, `UPDATE agents SET not_after = ? WHERE id = ?`, millis(notAfter), id)
}

// Seen is a sign of life of an agent. Empty fields and a zero network leave
// what is known.
type Seen struct {
	Agent                 string
	At                    time.Time
	Version, OS, Hostname string
	Network               uint32 // fleet.Network.ID as observed; also becomes its site's
}

// SeenAgent stores signs of life, many in one transaction: gather them for some
// seconds. Agents that are not known are passed over.
func (s *Store) SeenAgent(ctx context.Context, all ...Seen) error {
	return s.update(ctx, "note signs of life", func(tx *sql.Tx) error {
		for _, v := range all {
			_, err := tx.ExecContext(ctx, `UPDATE agents SET seen = max(seen, ?2), version = iif(?3 = '', version, ?3),
				os = iif(?4 = '', os, ?4), hostname = iif(?5 = '', hostname, ?5), network = iif(?6 = 0, network, ?6) WHERE id = ?1`,
				v.Agent, millis(v.At), v.Version, v.OS, v.Hostname, v.Network)
			if err != nil {
				return err
			}
			if v.Network == 0 {
				continue
			}
			if _, err := tx.ExecContext(ctx, `UPDATE sites SET network = ?2 WHERE id = (SELECT site FROM agents WHERE id = ?1)`,
				v.Agent, v.Network); err != nil {
				return err
			}
		}
		return nil
	})
}

// Clients lists all clients by id.
func (s *Store) Clients(ctx context.Context) ([]fleet.Client, error) {
	rows, err := s.read.QueryContext(ctx, `SELECT id, name FROM clients ORDER BY id`)
	all, err := collect(rows, err, func(r *sql.Rows) (c fleet.Client, err error) {
		err = r.Scan(&c.ID, &c.Name)
		return c, err
	})
	if err != nil {
		return nil, fmt.Errorf("list clients: %w", err)
	}
	return all, nil
}

// Sites lists all sites in the order in which they were made. A site whose
// network was not observed yet has a network with ID 0 and the declared name.
func (s *Store) Sites(ctx context.Context) ([]fleet.Site, error) {
	rows, err := s.read.QueryContext(ctx, `SELECT sites.id, client, sites.name, region, coalesce(networks.id, 0),
			coalesce(networks.name, declared), coalesce(upstream, ''), coalesce(basis, iif(declared = '', ?, ?))
		FROM sites LEFT JOIN networks ON networks.id = network ORDER BY slot`, fleet.BasisPrefix, fleet.BasisDeclared)
	all, err := collect(rows, err, func(r *sql.Rows) (v fleet.Site, err error) {
		err = r.Scan(&v.ID, &v.Client, &v.Name, &v.Region, &v.Network.ID, &v.Network.Name, &v.Network.Upstream, &v.Network.Basis)
		return v, err
	})
	if err != nil {
		return nil, fmt.Errorf("list sites: %w", err)
	}
	return all, nil
}
