package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"
)

// MessageState says how far a message came. The numbers are stored.
type MessageState uint8

// The states.
const (
	MessageDue  MessageState = 0 // waits for its time, or for another try
	MessageSent MessageState = 1
	MessageDead MessageState = 2 // given up
	// MessageRecorded is what would have been sent: written down, never delivered.
	MessageRecorded MessageState = 3
)

// Message is an alert on its way to one route.
type Message struct {
	ID        string // the idempotency key; a second message of this id is not stored
	Incident  string
	Route     string
	Event     string // opened, changed, closed, ...
	Body      []byte
	Created   time.Time
	Due       time.Time    // not before; zero means Created
	Attempts  int          // failed tries so far
	LastError string       // of the last try; at most 500 bytes
	State     MessageState // of a new one: due, recorded, or sent beside the outbox
	Done      time.Time    // when it was sent, given up or recorded; of a new one that was sent
}

const maxErrorText = 500 // bytes of a channel's answer that are kept

// SaveIncident stores the state of an incident and the messages that follow
// from it in one transaction: either people will be told, or it did not happen.
// A message whose id is stored already is passed over, so saving again tells
// nobody twice. opened is kept as stored first.
func (s *Store) SaveIncident(ctx context.Context, id string, doc []byte, opened, updated time.Time, open bool, msgs []Message) error {
	return s.update(ctx, "save incident "+id, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `INSERT INTO incidents (id, doc, opened, updated, open) VALUES (?,?,?,?,?)
			ON CONFLICT (id) DO UPDATE SET doc = excluded.doc, updated = excluded.updated, open = excluded.open`,
			id, notNil(doc), millis(opened), millis(updated), open)
		if err != nil {
			return err
		}
		return enqueue(ctx, tx, msgs)
	})
}

// Enqueue stores messages that belong to no incident, such as a test of a route.
func (s *Store) Enqueue(ctx context.Context, msgs []Message) error {
	return s.update(ctx, "enqueue messages", func(tx *sql.Tx) error { return enqueue(ctx, tx, msgs) })
}

func enqueue(ctx context.Context, tx *sql.Tx, msgs []Message) error {
	for _, m := range msgs {
		if m.Due.IsZero() {
			m.Due = m.Created
		}
		state, done := MessageDue, int64(0)
		switch m.State {
		case MessageRecorded:
			state, done = MessageRecorded, millis(m.Created)
		case MessageSent:
			state, done = MessageSent, millis(m.Done)
		}
		_, err := tx.ExecContext(ctx, `INSERT INTO outbox (id, incident, route, event, body, created, due, state, done) VALUES (?,?,?,?,?,?,?,?,?)
			ON CONFLICT (id) DO NOTHING`, m.ID, m.Incident, m.Route, m.Event, notNil(m.Body), millis(m.Created), millis(m.Due), state, done)
		if err != nil {
			return fmt.Errorf("message %s: %w", m.ID, err)
		}
	}
	return nil
}

// Incidents returns documents, the newest first: of open incidents only, or of
// all. limit 0 means 1,000.
func (s *Store) Incidents(ctx context.Context, open bool, limit int) ([][]byte, error) {
	if limit <= 0 {
		limit = 1000
	}
	rows, err := s.read.QueryContext(ctx, `SELECT doc FROM incidents WHERE open >= ? ORDER BY opened DESC, id DESC LIMIT ?`, open, limit)
	all, err := collect(rows, err, func(r *sql.Rows) (doc []byte, err error) {
		err = r.Scan(&doc)
		return doc, err
	})
	if err != nil {
		return nil, fmt.Errorf("list incidents: %w", err)
	}
	return all, nil
}

// Incident returns the document of one incident. errors.Is: [ErrNotFound].
func (s *Store) Incident(ctx context.Context, id string) ([]byte, error) {
	var doc []byte
	err := s.read.QueryRowContext(ctx, `SELECT doc FROM incidents WHERE id = ?`, id).Scan(&doc)
	if errors.Is(err, sql.ErrNoRows) {
		err = ErrNotFound
	}
	if err != nil {
		return nil, fmt.Errorf("read incident %s: %w", id, err)
	}
	return doc, nil
}

const selectMessages = `SELECT id, incident, route, event, body, created, due, attempts, error, state, done FROM outbox`

func scanMessage(r *sql.Rows) (m Message, err error) {
	var created, due, done int64
	err = r.Scan(&m.ID, &m.Incident, &m.Route, &m.Event, &m.Body, &created, &due, &m.Attempts, &m.LastError, &m.State, &done)
	m.Created, m.Due, m.Done = moment(created), moment(due), moment(done)
	return m, err
}

// Due returns the messages of a route whose time has come, the longest due first;
// of one incident the oldest stands before the younger.
func (s *Store) Due(ctx context.Context, route string, now time.Time, limit int) ([]Message, error) {
	rows, err := s.read.QueryContext(ctx, selectMessages+` WHERE state = 0 AND route = ? AND due <= ? ORDER BY due, created, id LIMIT ?`,
		route, millis(now), limit)
	all, err := collect(rows, err, scanMessage)
	if err != nil {
		return nil, fmt.Errorf("read the outbox: %w", err)
	}
	return all, nil
}

// WaitingRoutes returns the names of the routes that a message waits for, sorted.
func (s *Store) WaitingRoutes(ctx context.Context) ([]string, error) {
	rows, err := s.read.QueryContext(ctx, `SELECT DISTINCT route FROM outbox WHERE state = 0 ORDER BY route`)
	all, err := collect(rows, err, func(r *sql.Rows) (name string, err error) {
		err = r.Scan(&name)
		return name, err
	})
	if err != nil {
		return nil, fmt.Errorf("read the outbox: %w", err)
	}
	return all, nil
}

// Messages returns all messages of an incident, sent ones too, in the order in
// which they were made.
func (s *Store) Messages(ctx context.Context, incident string) ([]Message, error) {
	rows, err := s.read.QueryContext(ctx, selectMessages+` WHERE incident = ? ORDER BY created, id`, incident)
	all, err := collect(rows, err, scanMessage)
	if err != nil {
		return nil, fmt.Errorf("read the outbox: %w", err)
	}
	return all, nil
}

// Since returns the messages that were made at from or later, in the order in
// which they were, of incidents whose id begins with prefix.
func (s *Store) Since(ctx context.Context, from time.Time, prefix string) ([]Message, error) {
	rows, err := s.read.QueryContext(ctx, selectMessages+` WHERE created >= ? AND substr(incident, 1, length(?)) = ? ORDER BY created, id`,
		millis(from), prefix, prefix)
	all, err := collect(rows, err, scanMessage)
	if err != nil {
		return nil, fmt.Errorf("read the outbox: %w", err)
	}
	return all, nil
}

// Recorded returns what would have been sent from a time up to another, without
// it: the oldest first, at most limit.
func (s *Store) Recorded(ctx context.Context, from, to time.Time, limit int) ([]Message, error) {
	rows, err := s.read.QueryContext(ctx, selectMessages+` WHERE state = 3 AND created >= ? AND created < ? ORDER BY created, id LIMIT ?`,
		millis(from), millis(to), limit)
	all, err := collect(rows, err, scanMessage)
	if err != nil {
		return nil, fmt.Errorf("read what would have been sent: %w", err)
	}
	return all, nil
}

// standsFor is how long the last word of a route about an incident counts.
const standsFor = 30 * 24 * time.Hour

// Standing returns the incidents whose newest message to a route is not
// "resolved", or was made after since; none whose newest is older than 30 days
// or was only written down. A test of the route is no incident, and does not stand.
func (s *Store) Standing(ctx context.Context, route string, since time.Time) ([]string, error) {
	rows, err := s.read.QueryContext(ctx, `SELECT incident FROM (
			SELECT incident, event, created, row_number() OVER (PARTITION BY incident ORDER BY created DESC, length(id) DESC, id DESC) AS nth
			FROM outbox WHERE created >= ? AND route = ? AND state <> ? AND event <> 'test')
		WHERE nth = 1 AND (event <> 'resolved' OR created >= ?) ORDER BY created, incident LIMIT 5000`,
		millis(since.Add(-standsFor)), route, MessageRecorded, millis(since))
	all, err := collect(rows, err, func(r *sql.Rows) (id string, err error) {
		err = r.Scan(&id)
		return id, err
	})
	if err != nil {
		return nil, fmt.Errorf("read the outbox: %w", err)
	}
	return all, nil
}

// Sent ends a message well. errors.Is: [ErrNotFound].
func (s *Store) Sent(ctx context.Context, id string, now time.Time) error {
	return s.one(ctx, "message sent "+id, `UPDATE outbox SET state = ?, done = ? WHERE id = ?`, MessageSent, millis(now), id)
}

// Failed notes a failed try. The message is due again at next, or given up for
// good if dead (next is then when that was). errText must hold no secret.
// errors.Is: [ErrNotFound].
func (s *Store) Failed(ctx context.Context, id string, next time.Time, errText string, dead bool) error {
	if len(errText) > maxErrorText {
		errText = errText[:maxErrorText]
	}
	state, done := MessageDue, int64(0)
	if dead {
		state, done = MessageDead, millis(next)
	}
	return s.one(ctx, "message failed "+id, `UPDATE outbox SET attempts = attempts + 1, error = ?, due = ?, state = ?, done = ? WHERE id = ?`,
		errText, millis(next), state, done, id)
}

// Outbox counts messages.
type Outbox struct {
	Waiting              int
	Sent, Dead, Recorded uint64
}

// Outbox counts messages: those that wait, were sent, were given up, and were
// only recorded.
func (s *Store) Outbox(ctx context.Context) (n Outbox, err error) {
	err = s.read.QueryRowContext(ctx, `SELECT count(*) FILTER (WHERE state = 0), count(*) FILTER (WHERE state = 1),
		count(*) FILTER (WHERE state = 2), count(*) FILTER (WHERE state = 3) FROM outbox`).Scan(&n.Waiting, &n.Sent, &n.Dead, &n.Recorded)
	if err != nil {
		return Outbox{}, fmt.Errorf("count messages: %w", err)
	}
	return n, nil
}
