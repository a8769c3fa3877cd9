package uplink

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/hashicorp/yamux"
)

// The frames of the side stream: kind, uvarint length, payload. The numbers
// travel: for ever; unknown kinds are skipped.
const (
	sideDatagram byte = 1 // the payload
	sideClose    byte = 2 // uvarint code, then the reason
	sideStop     byte = 3 // uvarint stream: its reader left
)

// maxSidePayload bounds a frame of the side stream. Gossip keeps below 1,100 bytes.
const maxSidePayload = 2048

// errTooLarge: a datagram that does not fit.
var errTooLarge = errors.New("too large")

// side is the side stream of a line over TCP.
type side struct {
	st        *yamux.Stream
	in        *bufio.Reader
	datagrams chan []byte

	mu  sync.Mutex // guards the field below, and the order of frames
	buf []byte
}

func newSide(st *yamux.Stream) *side {
	return &side{st: st, in: bufio.NewReaderSize(st, 4<<10), datagrams: make(chan []byte, tcpDatagrams)}
}

func (s *side) write(kind byte, payload []byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.buf = binary.AppendUvarint(append(s.buf[:0], kind), uint64(len(payload)))
	s.buf = append(s.buf, payload...)
	_, err := s.st.Write(s.buf)
	return err
}

func (s *side) close(code Code, reason string) error {
	return s.write(sideClose, append(binary.AppendUvarint(nil, uint64(code)), clip(reason, maxReason)...))
}

func (s *side) stop(stream uint32) error {
	return s.write(sideStop, binary.AppendUvarint(nil, uint64(stream)))
}

// next reads one frame. The payload is the caller's.
func (s *side) next() (kind byte, payload []byte, err error) { return readSide(s.in) }

func readSide(in *bufio.Reader) (kind byte, payload []byte, err error) {
	if kind, err = in.ReadByte(); err != nil {
		return 0, nil, err
	}
	n, err := binary.ReadUvarint(in)
	if err != nil {
		return 0, nil, noEOF(err)
	}
	if n > maxSidePayload {
		return 0, nil, fmt.Errorf("%w: side frame of %d bytes, at most %d are read", ErrProtocol, n, maxSidePayload)
	}
	payload = make([]byte, n)
	if _, err = io.ReadFull(in, payload); err != nil {
		return 0, nil, noEOF(err)
	}
	return kind, payload, nil
}

// readClose reads what a close frame says.
func readClose(payload []byte) (*CloseError, error) {
	code, n := binary.Uvarint(payload)
	if n <= 0 {
		return nil, fmt.Errorf("%w: close frame without a code", ErrProtocol)
	}
	return &CloseError{Code: Code(code), Reason: clip(string(payload[n:]), maxReason), Remote: true}, nil
}

// hear reads the side stream until the line ends.
func (l *tcpLine) hear() {
	for {
		kind, payload, err := l.side.next()
		if err == nil {
			err = l.heard(kind, payload)
		}
		end, declared := errors.AsType[*CloseError](err)
		switch {
		case err == nil:
		case declared:
			l.die(end)
			return
		case errors.Is(err, ErrProtocol):
			l.shut(CodeProtocol, err.Error())
			return
		default:
			l.lost(lostBy(err))
			return
		}
	}
}

func (l *tcpLine) heard(kind byte, payload []byte) error {
	switch kind {
	case sideDatagram:
		select {
		case l.side.datagrams <- payload:
		default: // nobody keeps up; gossip repeats itself
		}
	case sideClose:
		end, err := readClose(payload)
		if err != nil {
			return err
		}
		return end
	case sideStop:
		id, n := binary.Uvarint(payload)
		if n <= 0 || id > 1<<32-1 {
			return fmt.Errorf("%w: stop frame without a stream", ErrProtocol)
		}
		l.mu.Lock()
		s := l.streams[uint32(id)]
		l.mu.Unlock()
		if s != nil {
			s.stopped()
		}
	}
	return nil
}
