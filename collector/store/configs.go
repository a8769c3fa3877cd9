package store

import (
	"bytes"
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"picket/internal/fleet"
)

// Applied is a config as it was applied.
type Applied struct {
	Config fleet.Config
	Name   string   // path of the file; "" for the embedded defaults, or if applied before names were kept
	Source []byte   // the file
	Digest [32]byte // SHA-256 of Source
	At     time.Time
}

// SaveConfig keeps the config and the file it was made from with its path (name,
// "" for the embedded defaults), and returns it with its ID. cfg.ID is ignored.
// If what agents are told is the same as last time, the ID stays (changed is
// false): a change of comments or of alert routes does not reach the agents.
// Going back to an earlier config makes a new ID, because IDs only grow.
func (s *Store) SaveConfig(ctx context.Context, cfg fleet.Config, name string, source []byte, now time.Time) (_ fleet.Config, changed bool, err error) {
	cfg.ID = 0
	doc, err := json.Marshal(cfg)
	if err != nil {
		return fleet.Config{}, false, fmt.Errorf("save config: %w", err)
	}
	digest, file := sha256.Sum256(doc), sha256.Sum256(source)
	err = s.update(ctx, "save config", func(tx *sql.Tx) error {
		var id int64
		var last []byte
		err := tx.QueryRowContext(ctx, `SELECT id, digest FROM configs ORDER BY id DESC LIMIT 1`).Scan(&id, &last)
		if err != nil && !errors.Is(err, sql.ErrNoRows) {
			return err
		}
		if changed = !bytes.Equal(last, digest[:]); changed {
			err := tx.QueryRowContext(ctx, `INSERT INTO configs (digest, doc, applied) VALUES (?,?,?) RETURNING id`,
				digest[:], doc, millis(now)).Scan(&id)
			if err != nil {
				return err
			}
		}
		cfg.ID = uint64(id)
		// The same file again, as on every restart, is not kept twice.
		_, err = tx.ExecContext(ctx, `INSERT INTO sources (digest, source, config, applied, name)
			SELECT ?1, ?2, ?3, ?4, ?5 WHERE NOT EXISTS (
				SELECT 1 FROM (SELECT digest, config, name FROM sources ORDER BY id DESC LIMIT 1)
				WHERE digest = ?1 AND config = ?3 AND name = ?5)`,
			file[:], notNil(source), id, millis(now), name)
		return err
	})
	if err != nil {
		return fleet.Config{}, false, err
	}
	return cfg, changed, nil
}

// notNil makes an empty blob of nil, which database/sql would store as NULL.
func notNil(b []byte) []byte {
	if b == nil {
		return []byte{}
	}
	return b
}

// Config returns a config by its ID. errors.Is: [ErrNotFound].
func (s *Store) Config(ctx context.Context, id uint64) (fleet.Config, error) {
	var doc []byte
	err := s.read.QueryRowContext(ctx, `SELECT doc FROM configs WHERE id = ?`, int64(id)).Scan(&doc)
	if errors.Is(err, sql.ErrNoRows) {
		err = ErrNotFound
	}
	cfg := fleet.Config{}
	if err == nil {
		err = json.Unmarshal(doc, &cfg)
	}
	if err != nil {
		return fleet.Config{}, fmt.Errorf("read config %d: %w", id, err)
	}
	cfg.ID = id
	return cfg, nil
}

// LastConfig returns what was applied last. errors.Is: [ErrNotFound] if nothing
// ever was.
func (s *Store) LastConfig(ctx context.Context) (Applied, error) {
	var a Applied
	var doc, digest []byte
	var id, at int64
	err := s.read.QueryRowContext(ctx, `SELECT configs.id, doc, sources.name, source, sources.digest, sources.applied
		FROM sources JOIN configs ON configs.id = config ORDER BY sources.id DESC LIMIT 1`).Scan(&id, &doc, &a.Name, &a.Source, &digest, &at)
	if errors.Is(err, sql.ErrNoRows) {
		err = ErrNotFound
	}
	if err == nil {
		err = json.Unmarshal(doc, &a.Config)
	}
	if err != nil {
		return Applied{}, fmt.Errorf("read the last config: %w", err)
	}
	a.Config.ID, a.At = uint64(id), moment(at)
	copy(a.Digest[:], digest)
	return a, nil
}
