package cluster

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// Everything here is about what may reach memberlist (v0.7.0) from a member of
// the fleet, who is authenticated but may be compromised. The rule is not to
// look for what is bad but to let pass what our own settings send: no
// compression, no encryption, no messages of users, no stream but an exchange of
// states.

// The first byte of a message, as memberlist numbers them (net.go there).
const (
	msgPing         = 0
	msgIndirectPing = 1
	msgAck          = 2
	msgSuspect      = 3
	msgAlive        = 4
	msgDead         = 5
	msgPushPull     = 6
	msgCompound     = 7
	msgNack         = 11
	msgCRC          = 12
	msgErr          = 13
	msgLabel        = 244
)

// maxNodes is how many members an exchange of states may announce: memberlist
// allocates them before it has read the first. Cells have at most 500.
const maxNodes = 1000

// maxValue is the longest name, address, metadata or error in bytes.
const maxValue = 4096

// honestPacket says whether b may be handed to memberlist: a packet holds one
// message or one compound of messages, each of a type that we send ourselves.
func honestPacket(b []byte) bool {
	if len(b) >= 2 && b[0] == msgLabel {
		size := 2 + int(b[1])
		if size > len(b) {
			return false
		}
		b = b[size:]
	}
	if len(b) >= 5 && b[0] == msgCRC {
		b = b[5:]
	}
	if len(b) == 0 {
		return false
	}
	if b[0] != msgCompound {
		return honestMessage(b)
	}
	return honestCompound(b[1:])
}

// honestCompound walks a count, the lengths of that many messages in two bytes
// each, and the messages. memberlist takes a truncated compound as far as it
// goes; an honest one is whole.
func honestCompound(b []byte) bool {
	if len(b) == 0 {
		return false
	}
	lengths := b[1:]
	n := 2 * int(b[0])
	if n > len(lengths) {
		return false
	}
	lengths, rest := lengths[:n], lengths[n:]
	for ; len(lengths) > 0; lengths = lengths[2:] {
		size := int(binary.BigEndian.Uint16(lengths))
		if size > len(rest) || !honestMessage(rest[:size]) {
			return false
		}
		rest = rest[size:]
	}
	return true
}

func honestMessage(b []byte) bool {
	if len(b) == 0 {
		return false
	}
	switch b[0] {
	case msgPing, msgIndirectPing, msgAck, msgNack, msgSuspect, msgAlive, msgDead:
		o := message{r: bytes.NewReader(b[1:])}
		return o.fields() == nil
	default:
		return false
	}
}

// readExchange reads a stream's whole message and returns it if memberlist may
// have it: a label, then an exchange of states that announces no more than
// [maxNodes] members and no state of users. The answer on a stream that we
// opened has no label, and may be an error instead. [io.EOF] means that the
// stream was empty. No more is held than has arrived.
func readExchange(r io.Reader, outgoing bool) ([]byte, error) {
	o := message{r: bufio.NewReader(r)}
	kind, err := o.next(1)
	if err != nil {
		return nil, err
	}
	if kind == msgLabel && !outgoing {
		size, err := o.next(1)
		if err != nil {
			return nil, err
		}
		if err := o.skip(size); err != nil {
			return nil, err
		}
		if kind, err = o.next(1); err != nil {
			return nil, err
		}
	}
	nodes := uint64(1) // an error has the shape of one
	switch {
	case kind == msgErr && outgoing:
	case kind != msgPushPull:
		return nil, fmt.Errorf("stream begins with a message of type %d, which nobody here sends", kind)
	default:
		if nodes, err = o.header(); err != nil {
			return nil, err
		}
	}
	for range nodes {
		if err := o.fields(); err != nil {
			return nil, err
		}
	}
	return o.got, nil
}

// message reads MessagePack and keeps what it has read.
type message struct {
	r   io.Reader
	got []byte
}

// skip reads n bytes.
func (o *message) skip(n uint64) error {
	if n > maxValue {
		return fmt.Errorf("value of %d bytes, at most %d are taken", n, maxValue)
	}
	begin := len(o.got)
	o.got = append(o.got, make([]byte, n)...)
	if _, err := io.ReadFull(o.r, o.got[begin:]); err != nil {
		if begin == 0 {
			return err // io.EOF: nothing was said, which is no fault
		}
		return fmt.Errorf("read a message: %w", err)
	}
	return nil
}

// next reads n bytes, 1 to 8, as a number.
func (o *message) next(n int) (v uint64, err error) {
	if err := o.skip(uint64(n)); err != nil {
		return 0, err
	}
	for _, b := range o.got[len(o.got)-n:] {
		v = v<<8 | uint64(b)
	}
	return v, nil
}

// fields reads a map of at most 15 fields, each of them a number, a truth, a
// string of bytes, or nothing. No message of memberlist's has more; what its
// decoder would also take (extensions, whose length it allocates unread, and
// nesting) is refused.
func (o *message) fields() error {
	m, err := o.next(1)
	if err != nil || m&0xf0 != 0x80 {
		return orMalformed(err)
	}
	for range m & 0x0f {
		if _, err := o.key(); err != nil {
			return err
		}
		if err := o.value(); err != nil {
			return err
		}
	}
	return nil
}

// value reads one value of a field.
func (o *message) value() error {
	b, err := o.next(1)
	if err != nil {
		return err
	}
	size := uint64(0)
	switch {
	case b < 0x80, b >= 0xe0, b == 0xc0, b == 0xc2, b == 0xc3: // small numbers, nil, truths
	case b&0xe0 == 0xa0: // a short string
		size = b & 0x1f
	case b >= 0xcc && b <= 0xcf: // unsigned, in 1, 2, 4, 8 bytes
		size = 1 << (b - 0xcc)
	case b >= 0xd0 && b <= 0xd3: // signed, likewise
		size = 1 << (b - 0xd0)
	case b >= 0xc4 && b <= 0xc6: // bytes, their length in 1, 2, 4 bytes
		size, err = o.next(1 << (b - 0xc4))
	case b >= 0xd9 && b <= 0xdb: // a string, likewise
		size, err = o.next(1 << (b - 0xd9))
	default:
		return orMalformed(nil)
	}
	if err != nil {
		return err
	}
	return o.skip(size)
}

// header reads the header of an exchange of states in MessagePack: a map of the
// three fields, each once. Anything else that memberlist's decoder might take
// for a header is refused, so that it can read no other numbers than we did. It
// returns the number of members that follow.
func (o *message) header() (nodes uint64, err error) {
	const fields = 0x83 // a map of three
	if m, err := o.next(1); err != nil || m != fields {
		return 0, orMalformed(err)
	}
	seen := make(map[string]bool, 3)
	for range 3 {
		key, err := o.key()
		if err != nil {
			return 0, err
		}
		if seen[key] {
			return 0, orMalformed(nil)
		}
		seen[key] = true
		limit := uint64(0)
		switch key {
		case "Join":
			if v, err := o.next(1); err != nil || v != 0xc2 && v != 0xc3 {
				return 0, orMalformed(err)
			}
			continue
		case "Nodes":
			limit = maxNodes
		case "UserStateLen":
		default:
			return 0, orMalformed(nil)
		}
		v, err := o.integer()
		if err != nil {
			return 0, err
		}
		if v > limit {
			return 0, fmt.Errorf("exchange of states announces %s %d, at most %d are taken", key, v, limit)
		}
		nodes += v // the other one is 0
	}
	return nodes, nil
}

// key reads a string of at most 31 bytes.
func (o *message) key() (string, error) {
	size, err := o.next(1)
	if err != nil || size&0xe0 != 0xa0 {
		return "", orMalformed(err)
	}
	begin := len(o.got)
	if err := o.skip(size & 0x1f); err != nil {
		return "", err
	}
	return string(o.got[begin:]), nil
}

// integer reads a number that is not negative.
func (o *message) integer() (uint64, error) {
	first, err := o.next(1)
	switch {
	case err != nil:
		return 0, err
	case first < 0x80:
		return first, nil
	case first >= 0xcc && first <= 0xcf: // unsigned, in 1, 2, 4, 8 bytes
		return o.next(1 << (first - 0xcc))
	case first >= 0xd0 && first <= 0xd3: // signed; a negative one is too large
		n := 1 << (first - 0xd0)
		v, err := o.next(n)
		if v>>(8*n-1) != 0 {
			return 0, orMalformed(err)
		}
		return v, err
	default:
		return 0, orMalformed(nil)
	}
}

func orMalformed(err error) error {
	if err != nil {
		return err
	}
	return errors.New("message that nobody here encodes so")
}
