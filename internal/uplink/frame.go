package uplink

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"

	"google.golang.org/protobuf/proto"
)

//go:generate wire/generate.sh session.proto

// The protocols, as the two ends name them in ALPN. A change that old peers
// cannot skip over gets a new name; anything less raises the minor.
const (
	Protocol      = "picket/1"
	EnrolProtocol = "picket-enrol/1"
)

// minor is the revision of [Protocol] that this code speaks, and minorSpan how
// far apart two ends may be. Revision 2 tells copies of an agent apart, and
// enrolment may have to wait for approval.
const (
	minor     = 2
	minorSpan = 2
)

// LiveRun is the run of batches for [Client.Live] whose maker does not know the
// seqs that the spool gave: what they hold is told apart by check and time. No
// spool draws it.
const LiveRun uint64 = 0

// streamKind is the first byte of every stream of a session. The numbers
// travel: never reorder, never reuse.
type streamKind byte

const (
	kindControl streamKind = 1 // both ways, opened by the agent, first of all
	kindRecord  streamKind = 2 // agent to collector: every result, in order
	kindLive    streamKind = 3 // agent to collector: fresh results while record lags
	kindRelay   streamKind = 4 // both ways, opened by either end: gossip
)

// Limits on one frame, checked before anything is allocated. A frame to the
// agent may carry a whole config; nothing that an agent says is that long, and
// short frames bound what decoding can blow up to.
const (
	maxFrame        = 1 << 20   // collector to agent, and record and live batches
	maxControlFrame = 256 << 10 // agent to collector, control
	maxEnrolFrame   = 64 << 10  // both ways
)

// ErrProtocol is wrapped by everything that a peer should not have sent.
var ErrProtocol = errors.New("protocol error")

// frameReader reads frames: uvarint length, then that many bytes.
type frameReader struct {
	r     *bufio.Reader
	limit uint64
	buf   []byte // reused; grows only as bytes really arrive
}

func newFrameReader(r io.Reader, limit uint64) *frameReader {
	return &frameReader{r: bufio.NewReaderSize(r, 4<<10), limit: limit}
}

// next returns the bytes of the next frame, valid until the next call. io.EOF
// means that the stream ended between frames.
func (f *frameReader) next() ([]byte, error) {
	n, err := f.length()
	if err != nil {
		return nil, err
	}
	f.buf = f.buf[:0]
	for uint64(len(f.buf)) < n {
		have := len(f.buf)
		step := min(int(n)-have, max(16<<10, have))
		f.buf = slices.Grow(f.buf, step)[:have+step]
		if _, err := io.ReadFull(f.r, f.buf[have:]); err != nil {
			return nil, noEOF(err)
		}
	}
	return f.buf, nil
}

// length reads a uvarint and holds it against the limit.
func (f *frameReader) length() (uint64, error) {
	var n uint64
	for shift := uint(0); shift < 35; shift += 7 {
		b, err := f.r.ReadByte()
		if err != nil {
			if shift > 0 {
				err = noEOF(err)
			}
			return 0, err
		}
		if n |= uint64(b&0x7f) << shift; b < 0x80 {
			if n > f.limit {
				return 0, fmt.Errorf("%w: frame of %d bytes, at most %d are read here", ErrProtocol, n, f.limit)
			}
			return n, nil
		}
	}
	return 0, fmt.Errorf("%w: frame length is no number", ErrProtocol)
}

// noEOF makes an end in the middle of a frame look like one.
func noEOF(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// message reads one frame into m.
func (f *frameReader) message(m proto.Message) error {
	b, err := f.next()
	if err != nil {
		return err
	}
	if err := proto.Unmarshal(b, m); err != nil {
		return fmt.Errorf("%w: %v", ErrProtocol, err)
	}
	return nil
}

// appendFrame appends m as one frame to dst.
func appendFrame(dst []byte, m proto.Message, limit int) ([]byte, error) {
	n := proto.Size(m)
	if n > limit {
		return dst, fmt.Errorf("frame of %d bytes, at most %d may be sent", n, limit)
	}
	dst = slices.Grow(dst, n+binary.MaxVarintLen32)
	dst = binary.AppendUvarint(dst, uint64(n))
	dst, err := proto.MarshalOptions{UseCachedSize: true}.MarshalAppend(dst, m)
	if err != nil {
		return dst, fmt.Errorf("encode frame: %w", err)
	}
	return dst, nil
}

// writeMessage writes m as one frame in one Write.
func writeMessage(w io.Writer, m proto.Message, limit int) error {
	b, err := appendFrame(nil, m, limit)
	if err != nil {
		return err
	}
	_, err = w.Write(b)
	return err
}

// readKind reads the first byte of a stream.
func readKind(r io.Reader) (streamKind, error) {
	var b [1]byte
	if _, err := io.ReadFull(r, b[:]); err != nil {
		return 0, err
	}
	return streamKind(b[0]), nil
}
