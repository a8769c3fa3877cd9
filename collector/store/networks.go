package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"picket/internal/fleet"
)

const selectNetworks = `SELECT id, name, upstream, basis FROM networks`

func scanNetwork(r scanner) (n fleet.Network, err error) {
	err = r.Scan(&n.ID, &n.Name, &n.Upstream, &n.Basis)
	return n, err
}

// Network finds or makes the network of this name and basis. Its id is stable
// and never given to another. The upstream is kept as told last, because it
// comes from the config and may change under the same name. The same name on a
// weaker basis is a network of its own id; votes count by fleet.Network.Group,
// which is the same for both.
func (s *Store) Network(ctx context.Context, name, upstream string, basis fleet.Basis) (fleet.Network, error) {
	// Nearly always the network is known and unchanged: reading does not wait for commits.
	n, err := scanNetwork(s.read.QueryRowContext(ctx, selectNetworks+` WHERE name = ? AND basis = ?`, name, basis))
	if err == nil && n.Upstream == upstream {
		return n, nil
	}
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return fleet.Network{}, fmt.Errorf("find network %q: %w", name, err)
	}
	n, err = scanNetwork(s.write.QueryRowContext(ctx, `INSERT INTO networks (name, basis, upstream) VALUES (?,?,?)
		ON CONFLICT (name, basis) DO UPDATE SET upstream = excluded.upstream RETURNING id, name, upstream, basis`, name, basis, upstream))
	if err != nil {
		return fleet.Network{}, fmt.Errorf("make network %q: %w", name, err)
	}
	return n, nil
}

// Networks lists all networks by id: records in a spool may name any of them.
func (s *Store) Networks(ctx context.Context) ([]fleet.Network, error) {
	rows, err := s.read.QueryContext(ctx, selectNetworks+` ORDER BY id`)
	all, err := collect(rows, err, func(r *sql.Rows) (fleet.Network, error) { return scanNetwork(r) })
	if err != nil {
		return nil, fmt.Errorf("list networks: %w", err)
	}
	return all, nil
}
