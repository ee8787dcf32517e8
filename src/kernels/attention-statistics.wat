;; What `attentionStatistics` does, four probabilities at a time, sums in float64. What is read behind the last row counts
;; for nothing.
(module
  (memory (export "memory") 1)

  ;; Rows f32 [heads * queries, keys] at $at; ids i32 [keys] at $ids, with a -1 before the first: no token's own id.
  ;; $out: f32 [rows] of entropy, first, previous, induction, max and not finite.
  (func (export "rows")
    (param $at i32) (param $ids i32) (param $rows i32) (param $queries i32) (param $keys i32) (param $out i32)
    (local $column i32) (local $row i32) (local $position i32) (local $own v128) (local $next v128) (local $end i32)
    (local $key i32) (local $p i32) (local $count i32) (local $x v128) (local $finite v128) (local $most v128)
    (local $entropy v128) (local $induction v128)
    (local.set $column (i32.shl (local.get $rows) (i32.const 2)))
    (loop $each
      (local.set $position
        (i32.add
          (i32.sub (local.get $keys) (local.get $queries))
          (i32.rem_u (local.get $row) (local.get $queries))))
      (local.set $own
        (i32x4.splat (i32.load (i32.add (local.get $ids) (i32.shl (local.get $position) (i32.const 2))))))
      (local.set $next (i32x4.splat (i32.add (local.get $position) (i32.const 1))))
      (local.set $end (i32.add (local.get $at) (i32.shl (local.get $keys) (i32.const 2))))
      (local.set $count (i32.const 0))
      (local.set $most (v128.const i64x2 0 0))
      (local.set $entropy (v128.const i64x2 0 0))
      (local.set $induction (v128.const i64x2 0 0))
      (local.set $key (i32.const 0))
      (local.set $p (local.get $at))
      (loop $four
        (local.set $x (v128.load (local.get $p)))
        (local.set $finite
          (v128.and
            (f32x4.lt (f32x4.abs (local.get $x)) (v128.const f32x4 inf inf inf inf))
            (i32x4.lt_u
              (i32x4.add (i32x4.splat (local.get $p)) (v128.const i32x4 0 4 8 12))
              (i32x4.splat (local.get $end)))))
        (local.set $count
          (i32.add (local.get $count) (i32.popcnt (i32x4.bitmask (local.get $finite)))))
        (local.set $x (v128.and (local.get $x) (local.get $finite)))
        (local.set $most (f32x4.max (local.get $most) (local.get $x)))
        (local.set $entropy (call $add (local.get $entropy) (call $surprise (local.get $x))))
        ;; The token before this key is the row's own, and stands at another place than the row's.
        (local.set $induction
          (call $add
            (local.get $induction)
            (v128.and
              (local.get $x)
              (v128.andnot
                (i32x4.eq
                  (v128.load
                    (i32.sub (i32.add (local.get $ids) (i32.shl (local.get $key) (i32.const 2))) (i32.const 4)))
                  (local.get $own))
                (i32x4.eq
                  (i32x4.add (i32x4.splat (local.get $key)) (v128.const i32x4 0 1 2 3))
                  (local.get $next))))))
        (local.set $key (i32.add (local.get $key) (i32.const 4)))
        (local.set $p (i32.add (local.get $p) (i32.const 16)))
        (br_if $four (i32.lt_u (local.get $p) (local.get $end))))

      (local.set $p (local.get $out))
      (f32.store (local.get $p) (call $total (local.get $entropy)))
      (local.set $p (i32.add (local.get $p) (local.get $column)))
      (f32.store (local.get $p) (call $finite (f32.load (local.get $at))))
      (local.set $p (i32.add (local.get $p) (local.get $column)))
      (f32.store
        (local.get $p)
        (if (result f32) (local.get $position)
          (then
            (call $finite
              (f32.load
                (i32.sub (i32.add (local.get $at) (i32.shl (local.get $position) (i32.const 2))) (i32.const 4)))))
          (else (f32.const 0))))
      (local.set $p (i32.add (local.get $p) (local.get $column)))
      (f32.store (local.get $p) (call $total (local.get $induction)))
      (local.set $p (i32.add (local.get $p) (local.get $column)))
      (f32.store
        (local.get $p)
        (f32.max
          (f32.max (f32x4.extract_lane 0 (local.get $most)) (f32x4.extract_lane 1 (local.get $most)))
          (f32.max (f32x4.extract_lane 2 (local.get $most)) (f32x4.extract_lane 3 (local.get $most)))))
      (local.set $p (i32.add (local.get $p) (local.get $column)))
      (f32.store (local.get $p) (f32.convert_i32_u (i32.sub (local.get $keys) (local.get $count))))

      (local.set $out (i32.add (local.get $out) (i32.const 4)))
      (local.set $at (local.get $end))
      (local.set $row (i32.add (local.get $row) (i32.const 1)))
      (br_if $each (i32.lt_u (local.get $row) (i32.shr_u (local.get $column) (i32.const 2))))))

  ;; -x ln x of four; 0 of what is not a normal number above 0. x = 2^e m, m within a square root of 2 of 1, and
  ;; ln m = 2 (s + s^3 / 3 + s^5 / 5 + ...), s = (m - 1) / (m + 1): up to s^9 / 9, which leaves less than 1e-9.
  (func $surprise (param $x v128) (result v128)
    (local $e v128) (local $m v128) (local $s v128) (local $square v128) (local $series v128)
    ;; The exponent of x / sqrt(1/2), by its bits: 0x3f3504f3 is sqrt(1/2).
    (local.set $e
      (i32x4.shr_s
        (i32x4.sub (local.get $x) (v128.const i32x4 0x3f3504f3 0x3f3504f3 0x3f3504f3 0x3f3504f3))
        (i32.const 23)))
    (local.set $m (i32x4.sub (local.get $x) (i32x4.shl (local.get $e) (i32.const 23))))
    (local.set $s
      (f32x4.div
        (f32x4.sub (local.get $m) (v128.const f32x4 1 1 1 1))
        (f32x4.add (local.get $m) (v128.const f32x4 1 1 1 1))))
    (local.set $square (f32x4.mul (local.get $s) (local.get $s)))
    (local.set $series
      (f32x4.mul
        (local.get $square)
        (v128.const f32x4 0.222222222 0.222222222 0.222222222 0.222222222)))
    (local.set $series
      (f32x4.mul
        (local.get $square)
        (f32x4.add
          (local.get $series)
          (v128.const f32x4 0.285714286 0.285714286 0.285714286 0.285714286))))
    (local.set $series
      (f32x4.mul (local.get $square) (f32x4.add (local.get $series) (v128.const f32x4 0.4 0.4 0.4 0.4))))
    (local.set $series
      (f32x4.mul
        (local.get $square)
        (f32x4.add
          (local.get $series)
          (v128.const f32x4 0.666666667 0.666666667 0.666666667 0.666666667))))
    (local.set $series (f32x4.mul (local.get $s) (f32x4.add (local.get $series) (v128.const f32x4 2 2 2 2))))
    (v128.and
      (f32x4.ge
        (local.get $x)
        (v128.const f32x4 0x1p-126 0x1p-126 0x1p-126 0x1p-126))
      (f32x4.neg
        (f32x4.mul
          (local.get $x)
          (f32x4.add
            (local.get $series)
            (f32x4.mul
              (f32x4.convert_i32x4_s (local.get $e))
              (v128.const f32x4 0.693147181 0.693147181 0.693147181 0.693147181)))))))

  ;; Four float32 onto two float64.
  (func $add (param $sum v128) (param $four v128) (result v128)
    (f64x2.add
      (local.get $sum)
      (f64x2.add
        (f64x2.promote_low_f32x4 (local.get $four))
        (f64x2.promote_low_f32x4
          (i8x16.shuffle 8 9 10 11 12 13 14 15 0 1 2 3 4 5 6 7 (local.get $four) (local.get $four))))))

  (func $total (param $sum v128) (result f32)
    (f32.demote_f64
      (f64.add (f64x2.extract_lane 0 (local.get $sum)) (f64x2.extract_lane 1 (local.get $sum)))))

  (func $finite (param $x f32) (result f32)
    (select
      (local.get $x)
      (f32.const 0)
      (f32.lt (f32.abs (local.get $x)) (f32.const inf)))))
