package uplink

import (
	"errors"
	"fmt"
	"math"
	"sync"
	"time"

	"github.com/klauspost/compress/zstd"
	"google.golang.org/protobuf/proto"

	"picket/internal/fleet"
	"picket/internal/uplink/wire"
)

//go:generate wire/generate.sh batch.proto

// The bounds of a batch. All are checked before memory is taken for what is
// announced.
const (
	// MaxBatchRecords is how many results one batch may hold.
	MaxBatchRecords = 10_000
	// MaxBatchBytes is how long an encoded batch may be.
	MaxBatchBytes = 1 << 20
	// MaxText is how long an error text or an edge may be, in bytes. Longer
	// ones are cut when they are encoded and refused when they are read.
	MaxText = 256

	maxPlain    = 4 << 20 // bytes of a batch once decompressed
	compressMin = 4 << 10 // below it, lean columns are all entropy: zstd only adds its header
	maxZone     = 64      // bytes of an IPv6 zone; longer ones are dropped
)

// The range of a time in a batch: 1970 to the end of the year 9999.
const maxMilli = 253402300799999

// maxMicro is the longest duration that fits time.Duration, in microseconds.
const maxMicro = math.MaxInt64 / int64(time.Microsecond)

// ErrBatch is wrapped by every error of [DecodeBatch]: the bytes are no batch,
// or break a limit. [EncodeBatch] wraps it when a batch cannot be expressed.
var ErrBatch = errors.New("bad batch")

// The zstd coders are safe for concurrent use, costly to make and made once,
// when the first large batch needs them: most agents never have one.
var (
	compressor = sync.OnceValues(func() (*zstd.Encoder, error) {
		return zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1), zstd.WithLowerEncoderMem(true), zstd.WithEncoderCRC(false))
	})
	decompressor = sync.OnceValues(func() (*zstd.Decoder, error) {
		return zstd.NewReader(nil, zstd.WithDecoderConcurrency(0), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxMemory(maxPlain))
	})
)

// EncodeBatch appends the encoding of b to dst: the bytes that lie in an
// agent's spool and travel on record and live streams. A batch stands for
// itself, no byte of it refers to another one.
//
// Durations are kept in whole microseconds and times in whole milliseconds
// (the rest is cut off), texts up to [MaxText] bytes of valid UTF-8, counts
// and codes within 32 bits (saturated). Result.Start does not travel. b must
// have 1 to [MaxBatchRecords] records with ascending seqs from 1 and times
// from 1970 on, and its encoding must fit [MaxBatchBytes]; otherwise dst is
// returned as it was, with an error that wraps [ErrBatch].
func EncodeBatch(dst []byte, b *fleet.Batch) ([]byte, error) {
	if err := checkBatch(b); err != nil {
		return dst, err
	}
	w, err := columnar(b)
	if err != nil {
		return dst, err
	}
	plain, err := proto.Marshal(w)
	if err != nil {
		return dst, fmt.Errorf("encode batch: %w", err)
	}
	if len(plain) > maxPlain {
		return dst, fmt.Errorf("%w: %d bytes before compression, at most %d", ErrBatch, len(plain), maxPlain)
	}
	if len(plain) > compressMin {
		if plain, err = compress(plain); err != nil {
			return dst, fmt.Errorf("compress batch: %w", err)
		}
	}
	if len(plain) > MaxBatchBytes {
		return dst, fmt.Errorf("%w: %d bytes encoded, at most %d", ErrBatch, len(plain), MaxBatchBytes)
	}
	return append(dst, plain...), nil
}

// compress returns plain wrapped in a compressed batch, or plain itself if
// that is no longer.
func compress(plain []byte) ([]byte, error) {
	enc, err := compressor()
	if err != nil {
		return nil, err
	}
	packed, err := proto.Marshal(&wire.Batch{Zstd: enc.EncodeAll(plain, make([]byte, 0, len(plain)))})
	if err != nil || len(packed) >= len(plain) {
		return plain, err
	}
	return packed, nil
}

// checkBatch says why b cannot be encoded, if it cannot.
func checkBatch(b *fleet.Batch) error {
	if n := len(b.Records); n == 0 || n > MaxBatchRecords {
		return fmt.Errorf("%w: %d records, want 1 to %d", ErrBatch, n, MaxBatchRecords)
	}
	var last uint64
	for i := range b.Records {
		r := &b.Records[i]
		if r.Seq <= last || r.Seq > math.MaxInt64 {
			return fmt.Errorf("%w: seq %d behind %d", ErrBatch, r.Seq, last)
		}
		last = r.Seq
		if ms := r.Time.UnixMilli(); ms < 0 || ms > maxMilli {
			return fmt.Errorf("%w: time of seq %d is outside 1970 to 9999", ErrBatch, r.Seq)
		}
	}
	return nil
}

// DecodeBatch is the inverse of [EncodeBatch]. It takes bytes from anywhere:
// it refuses what it cannot read or what breaks a limit with an error that
// wraps [ErrBatch], never panics, and never takes memory beyond the limits.
// Numbers that this version has no name for (causes, kinds, outcomes) are kept
// as they are. Times are UTC. The result does not alias src.
func DecodeBatch(src []byte) (*fleet.Batch, error) {
	if len(src) > MaxBatchBytes {
		return nil, fmt.Errorf("%w: %d bytes, at most %d", ErrBatch, len(src), MaxBatchBytes)
	}
	w, err := unmarshalBatch(src)
	if err != nil {
		return nil, err
	}
	if len(w.Zstd) > 0 {
		dec, err := decompressor()
		if err != nil {
			return nil, fmt.Errorf("start zstd: %w", err)
		}
		plain, err := dec.DecodeAll(w.Zstd, nil)
		if err != nil {
			return nil, fmt.Errorf("%w: decompress: %w", ErrBatch, err)
		}
		if w, err = unmarshalBatch(plain); err != nil {
			return nil, err
		}
		if len(w.Zstd) > 0 {
			return nil, fmt.Errorf("%w: compressed twice", ErrBatch)
		}
	}
	return rows(w)
}

// unmarshalBatch reads the fields. It takes at most a few times len(src): all
// that repeats is inside bytes fields.
func unmarshalBatch(src []byte) (*wire.Batch, error) {
	w := new(wire.Batch)
	if err := (proto.UnmarshalOptions{DiscardUnknown: true}).Unmarshal(src, w); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrBatch, err)
	}
	return w, nil
}
