package collector

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"slices"
	"time"

	"picket/collector/access"
	"picket/collector/config"
	"picket/collector/influx"
	"picket/collector/store"
	"picket/internal/identity"
)

// PrepareOptions says what a data folder is made ready with.
type PrepareOptions struct {
	Dir    string
	File   *config.File // required; must name public addresses if there is a Site
	Source []byte       // the text that File was read from
	// Admin is who may log in to begin with, with Password, under the name that
	// [access.UserName] makes of it. "" makes no user.
	Admin, Password string
	// Client and Site are for the first join token; "" makes none. Region and
	// Network describe the site and may be empty.
	Client, Site, Region, Network string
	// Again accepts a folder that was prepared before: its authority, agents,
	// history and users stay. Admin is made only if there is no user at all.
	Again bool
}

// Prepared is what there is now that was not there before.
type Prepared struct {
	Token   string // for the first agent; "" if none was asked for
	Site    string // the token's, "client/site"
	Expires time.Time
	Users   int // that were there before, and stay as they are
}

// Why a folder is not prepared.
var (
	// ErrPrepared: the data folder was prepared before.
	ErrPrepared = errors.New("the data folder is not empty")
	// ErrNotOurs: the folder holds something, and nothing of a Picket server.
	ErrNotOurs = errors.New("the folder is not empty, and not of Picket")
)

// PrepareCheck says what stands in the way of a first set-up in dir: [ErrRunning],
// [ErrPrepared], [ErrNotOurs], [ErrSocketPath], or nil.
func PrepareCheck(dir string) error {
	if len(filepath.Join(dir, AdminSocket)) > maxSocketPath {
		return fmt.Errorf("%w: %s", ErrSocketPath, dir)
	}
	entries, err := os.ReadDir(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return fmt.Errorf("%w: %w", ErrDataDir, err)
	}
	for _, e := range entries {
		if e.Name() == AdminSocket && answers(filepath.Join(dir, AdminSocket)) {
			return fmt.Errorf("%w: %s", ErrRunning, dir)
		}
	}
	entries = slices.DeleteFunc(entries, func(e fs.DirEntry) bool { return e.Name() == "lost+found" })
	switch {
	case len(entries) == 0:
		return nil
	case exists(filepath.Join(dir, databaseName)) || exists(filepath.Join(dir, caName)):
		return fmt.Errorf("%w: %s holds %s", ErrPrepared, dir, entries[0].Name())
	}
	return fmt.Errorf("%w: %s holds %s", ErrNotOurs, dir, entries[0].Name())
}

// Prepare makes dir ready for a collector: authority, database with the
// configuration as the one applied last, the first user and the first join
// token. If it fails in a folder that was empty, the folder is empty again.
//
// errors.Is: [ErrPrepared] unless Again, [ErrNotOurs], [ErrRunning],
// [store.ErrInUse], [store.ErrName], [access.ErrName], [access.ErrPassword].
func Prepare(ctx context.Context, o PrepareOptions) (done Prepared, err error) {
	if o.Admin != "" {
		if o.Admin, err = access.UserName(o.Admin); err != nil {
			return done, fmt.Errorf("the first user: %w", err)
		}
	}
	if err := PrepareCheck(o.Dir); err != nil && !(o.Again && errors.Is(err, ErrPrepared)) {
		return done, err
	}
	undo, err := prepareDir(o.Dir)
	fresh := !exists(filepath.Join(o.Dir, databaseName)) && !exists(filepath.Join(o.Dir, caName))
	defer func() {
		if err == nil {
			return
		}
		if fresh {
			for _, made := range []string{caName, databaseName, databaseName + "-wal", databaseName + "-shm", databaseName + ".lock"} {
				os.RemoveAll(filepath.Join(o.Dir, made)) // best effort: the error that counts is err
			}
		}
		undo()
	}()
	if err != nil {
		return done, fmt.Errorf("%w: %w", ErrDataDir, err)
	}
	now := time.Now()
	authority, err := identity.OpenAuthority(filepath.Join(o.Dir, caName), now)
	if err != nil {
		return done, err
	}
	db, err := store.Open(ctx, filepath.Join(o.Dir, databaseName), nil)
	if err != nil {
		return done, err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	if done.Users, err = firstUser(ctx, db, o, now); err != nil {
		return done, err
	}
	if _, _, err := saveFirst(ctx, db, Options{File: o.File, Source: o.Source}, now); err != nil {
		return done, err
	}
	return done, firstToken(ctx, db, authority, o, &done)
}

// caName is the folder of the keys in the data folder.
const caName = "ca"

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}

// firstUser makes the admin, whose name is folded and good, unless there are
// users: it returns how many.
func firstUser(ctx context.Context, db *store.Store, o PrepareOptions, now time.Time) (there int, err error) {
	all, err := db.Users(ctx)
	if err != nil || len(all) > 0 || o.Admin == "" {
		return len(all), err
	}
	hash, err := access.HashPassword(o.Password)
	if err != nil {
		return 0, err
	}
	if err := db.CreateUser(ctx, store.User{Name: o.Admin, Role: string(access.Admin), Hash: hash, Created: now, Changed: now}); err != nil {
		return 0, err
	}
	return 0, db.Audit(ctx, store.Entry{At: now, Actor: "setup", Action: "user.create", Subject: o.Admin, Detail: "role admin"})
}

// firstTokenLife is longer than that of other tokens for one agent: who sets up a
// collector first starts it, and then installs an agent.
const firstTokenLife = 24 * time.Hour

// firstToken makes the join token of the first site.
func firstToken(ctx context.Context, db *store.Store, authority *identity.Authority, o PrepareOptions, done *Prepared) error {
	if o.Site == "" {
		return nil
	}
	t, err := db.CreateToken(ctx, store.NewToken{Client: o.Client, Site: o.Site, Region: o.Region, Network: o.Network,
		By: "setup", Expires: time.Now().Add(firstTokenLife)})
	if err != nil {
		return err
	}
	token := identity.Token{Addrs: o.File.Public, Pin: authority.Pin(), ID: t.ID, Secret: t.Secret}
	if err := token.Valid(); err != nil {
		return fmt.Errorf("make the first join token: %w", err)
	}
	done.Token, done.Site, done.Expires = token.String(), t.Site, t.Expires
	return db.Audit(ctx, store.Entry{At: t.Created, Actor: "setup", Action: "token.create", Subject: t.ID, Detail: t.Site})
}

// TryInflux writes one point, of the measurement picket_setup, to see whether the
// database takes it from this token. errors.As: *influx.AlarmError when it answers
// and refuses, *influx.BusyError when it cannot be reached.
func TryInflux(ctx context.Context, in config.Influx, token string) (err error) {
	w, err := influx.New(influx.Options{URL: in.URL, Org: in.Org, Bucket: in.Bucket, Token: token})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, w.Close()) }()
	return w.Write(ctx, fmt.Appendf(nil, "picket_setup ok=1i %d\n", time.Now().UnixNano()))
}

// answers says whether somebody listens on the unix socket at path.
func answers(path string) bool {
	conn, err := net.Dial("unix", path)
	if err != nil {
		return false
	}
	conn.Close()
	return true
}
