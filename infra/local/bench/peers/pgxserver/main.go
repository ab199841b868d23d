// Command pgxserver is a peer of `make bench-peers`: Registrar's enrolment and its section read as a Go team would
// write them without AWS, with net/http and pgx on PostgreSQL. It knows nothing of Registrar's packages. A student and
// a section are locked, SELECT … FOR UPDATE, in this order; the rules are those that decide the benchmark's requests.
package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"log"
	"net"
	"net/http"
	"os"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
)

func main() {
	database := flag.String("database", "", "URL of the database")
	flag.Parse()
	if err := run(context.Background(), *database); err != nil {
		fmt.Fprintln(os.Stderr, "pgxserver:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, database string) error {
	config, err := pgxpool.ParseConfig(database)
	if err != nil {
		return err
	}
	const connections = 20
	config.MaxConns = connections
	pool, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		return err
	}
	defer pool.Close()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	s := server{pool}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /v1/sections/{id}/registrations", s.enrol)
	mux.HandleFunc("GET /v1/sections/{id}", s.section)
	fmt.Println("http://" + listener.Addr().String()) // who started this reads it
	const patience = 10 * time.Second
	return (&http.Server{Handler: mux, ReadHeaderTimeout: patience}).Serve(listener)
}

type server struct{ pool *pgxpool.Pool }

// refused is a request that is refused, with the status and the code of the problem.
type refused struct {
	status int
	code   string
}

func (r refused) Error() string { return r.code }

// registration is one as clients see it.
type registration struct {
	Section    uuid.UUID `json:"section"`
	Student    uuid.UUID `json:"student"`
	Term       uuid.UUID `json:"term"`
	Course     uuid.UUID `json:"course"`
	CRN        string    `json:"crn"`
	Name       string    `json:"name"`
	State      string    `json:"state"`
	Attempt    int       `json:"attempt"`
	Credits    float64   `json:"credits"`
	EnrolledAt time.Time `json:"enrolledAt"`
	Version    int       `json:"version"`
}

func (s server) enrol(w http.ResponseWriter, r *http.Request) {
	section, err := uuid.Parse(r.PathValue("id"))
	var in struct{ Student uuid.UUID }
	if err != nil || json.NewDecoder(r.Body).Decode(&in) != nil {
		problem(w, refused{http.StatusUnprocessableEntity, "INVALID"})
		return
	}
	key := r.Header.Get("Idempotency-Key")
	reply, err := s.try(r.Context(), section, in.Student, key)
	var taken *pgconn.PgError
	if errors.As(err, &taken) && taken.Code == "23505" { // unique_violation: of the key or the registration, meanwhile
		reply, err = s.try(r.Context(), section, in.Student, key)
	}
	if err != nil {
		problem(w, err)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusCreated)
	_, _ = w.Write(reply) // the client may be gone
}

// when is a section's weekly meeting: days as bits, minutes of the day. No days: it has none.
type when struct{ days, begins, ends int }

func (a when) overlaps(b when) bool {
	return a.days&b.days != 0 && a.begins < b.ends && b.begins < a.ends
}

// try enrols in one transaction of two round trips and a commit.
func (s server) try(ctx context.Context, section, student uuid.UUID, key string) (reply []byte, err error) {
	request := sha256.Sum256([]byte(section.String() + "\n" + student.String()))
	err = pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) error {
		made := registration{Section: section, Student: student, State: "ENROLLED", Attempt: 1, Credits: 1, Version: 1}
		var before []byte // the request of the key's answer
		var active bool
		var status string
		var free int
		var at when
		var no error
		read := &pgx.Batch{}
		read.Queue("SELECT request, reply FROM answer WHERE key = $1", key).QueryRow(func(row pgx.Row) error {
			if err := row.Scan(&before, &reply); !errors.Is(err, pgx.ErrNoRows) {
				return err
			}
			return nil
		})
		read.Queue("SELECT active, name FROM student WHERE id = $1 FOR UPDATE", student).QueryRow(func(row pgx.Row) error {
			return row.Scan(&active, &made.Name)
		})
		read.Queue("SELECT term, course, crn, status, free, days, begins, ends FROM section WHERE id = $1 FOR UPDATE",
			section).QueryRow(func(row pgx.Row) error {
			return row.Scan(&made.Term, &made.Course, &made.CRN, &status, &free, &at.days, &at.begins, &at.ends)
		})
		read.Queue("SELECT section, course, days, begins, ends FROM registration WHERE student = $1 AND state = 'ENROLLED'",
			student).Query(func(rows pgx.Rows) error {
			for rows.Next() {
				var held, course uuid.UUID
				var then when
				if err := rows.Scan(&held, &course, &then.days, &then.begins, &then.ends); err != nil {
					return err
				}
				switch {
				case held == section:
					no = refused{http.StatusConflict, "ALREADY_ENROLLED"}
				case no != nil:
				case course == made.Course:
					no = refused{http.StatusConflict, "DUPLICATE_COURSE"}
				case at.overlaps(then):
					no = refused{http.StatusConflict, "TIME_CONFLICT"}
				}
			}
			return rows.Err()
		})
		if err := tx.SendBatch(ctx, read).Close(); errors.Is(err, pgx.ErrNoRows) {
			return refused{http.StatusNotFound, "NOT_FOUND"}
		} else if err != nil {
			return err
		}
		switch {
		case key != "" && before != nil && !bytes.Equal(before, request[:]):
			return refused{http.StatusUnprocessableEntity, "IDEMPOTENCY_MISMATCH"}
		case key != "" && before != nil:
			return nil
		case no != nil:
			return no
		case !active:
			return refused{http.StatusConflict, "STATE_FORBIDS"}
		case status != "open":
			return refused{http.StatusConflict, "SECTION_NOT_OPEN"}
		case free < 1:
			return refused{http.StatusConflict, "SECTION_FULL"}
		}
		made.EnrolledAt = time.Now().UTC()
		if reply, err = json.Marshal(made); err != nil {
			return err
		}
		write := &pgx.Batch{}
		write.Queue("UPDATE section SET free = free - 1, taken = taken + 1 WHERE id = $1", section)
		write.Queue(`INSERT INTO registration (section, student, term, course, crn, name, state, at, days, begins, ends)
			VALUES ($1, $2, $3, $4, $5, $6, 'ENROLLED', $7, $8, $9, $10)`, section, student, made.Term, made.Course, made.CRN,
			made.Name, made.EnrolledAt, at.days, at.begins, at.ends)
		write.Queue(`INSERT INTO event (id, type, section, student, facts, at)
			VALUES ($1, 'registration.enrolled', $2, $3, $4, $5)`, uuid.New(), section, student,
			map[string]any{"crn": made.CRN, "course": made.Course, "credits": 1}, made.EnrolledAt)
		if key != "" {
			write.Queue("INSERT INTO answer (key, request, reply, at) VALUES ($1, $2, $3, $4)", key, request[:], reply,
				made.EnrolledAt)
		}
		return tx.SendBatch(ctx, write).Close()
	})
	return reply, err
}

func (s server) section(w http.ResponseWriter, r *http.Request) {
	id, err := uuid.Parse(r.PathValue("id"))
	if err != nil {
		problem(w, refused{http.StatusNotFound, "NOT_FOUND"})
		return
	}
	var shown struct {
		ID     uuid.UUID `json:"id"`
		Term   uuid.UUID `json:"term"`
		Course uuid.UUID `json:"course"`
		CRN    string    `json:"crn"`
		Title  string    `json:"title"`
		Status string    `json:"status"`
		Days   int       `json:"days"`
		Begins int       `json:"begins"`
		Ends   int       `json:"ends"`
		Seats  struct {
			Capacity  int `json:"capacity"`
			Taken     int `json:"taken"`
			Available int `json:"available"`
		} `json:"seats"`
		Version int `json:"version"`
	}
	err = s.pool.QueryRow(r.Context(), `SELECT id, term, course, crn, title, status, days, begins, ends, capacity, taken,
		free, version FROM section WHERE id = $1`, id).Scan(&shown.ID, &shown.Term, &shown.Course, &shown.CRN, &shown.Title,
		&shown.Status, &shown.Days, &shown.Begins, &shown.Ends, &shown.Seats.Capacity, &shown.Seats.Taken,
		&shown.Seats.Available, &shown.Version)
	if errors.Is(err, pgx.ErrNoRows) {
		err = refused{http.StatusNotFound, "NOT_FOUND"}
	}
	if err != nil {
		problem(w, err)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(shown) // the client may be gone
}

func problem(w http.ResponseWriter, err error) {
	var no refused
	if !errors.As(err, &no) {
		log.Print(err)
		no = refused{http.StatusServiceUnavailable, "BUSY"}
	}
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(no.status)
	_ = json.NewEncoder(w).Encode(map[string]any{"type": "about:blank", "status": no.status, "code": no.code})
}
