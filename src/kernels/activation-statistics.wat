;; What `rowStatistics` does, four values at a time, sums in float64. Rows lie one behind the other, each as long as a
;; multiple of four values: whoever calls fills the rest with NaN, which counts for nothing.
(module
  (memory (export "memory") 1)

  ;; $out: f32 [rows] of mean, deviation, absolute maximum, zero fraction, outlier fraction and not finite, then the
  ;; histogram f32 [rows, 16]. $stride: bytes from a row to the next. One more f32 behind it is scratch: what is not finite is counted there.
  (func (export "rows")
    (param $at i32) (param $rows i32) (param $width i32) (param $stride i32) (param $distance f64) (param $out i32)
    (local $column i32) (local $bins i32) (local $end i32) (local $p i32) (local $count i32) (local $zeros i32)
    (local $outliers i32) (local $bin i32) (local $x v128) (local $size v128) (local $finite v128) (local $most v128)
    (local $place v128) (local $sum v128) (local $mean f64) (local $deviation f64) (local $means v128)
    (local $low v128) (local $high v128) (local $farthest v128) (local $limit v128)
    (local.set $column (i32.shl (local.get $rows) (i32.const 2)))
    (local.set $bins (i32.add (local.get $out) (i32.mul (local.get $column) (i32.const 6))))
    (loop $each
      (local.set $end (i32.add (local.get $at) (local.get $stride)))
      (local.set $count (i32.const 0))
      (local.set $zeros (i32.const 0))
      (local.set $most (v128.const i64x2 0 0))
      (local.set $sum (v128.const i64x2 0 0))
      (v128.store (local.get $bins) (v128.const i64x2 0 0))
      (v128.store offset=16 (local.get $bins) (v128.const i64x2 0 0))
      (v128.store offset=32 (local.get $bins) (v128.const i64x2 0 0))
      (v128.store offset=48 (local.get $bins) (v128.const i64x2 0 0))
      (local.set $p (local.get $at))
      (loop $first
        (local.set $x (v128.load (local.get $p)))
        (local.set $size (f32x4.abs (local.get $x)))
        (local.set $finite (f32x4.lt (local.get $size) (v128.const f32x4 inf inf inf inf)))
        (local.set $size (v128.and (local.get $size) (local.get $finite)))
        (local.set $x (v128.and (local.get $x) (local.get $finite)))
        (local.set $count
          (i32.add (local.get $count) (i32.popcnt (i32x4.bitmask (local.get $finite)))))
        (local.set $zeros
          (i32.add
            (local.get $zeros)
            (i32.popcnt
              (i32x4.bitmask
                (v128.and (local.get $finite) (f32x4.eq (local.get $x) (v128.const f32x4 0 0 0 0)))))))
        (local.set $most (f32x4.max (local.get $most) (local.get $size)))
        (local.set $sum
          (f64x2.add
            (local.get $sum)
            (f64x2.add
              (f64x2.promote_low_f32x4 (local.get $x))
              (f64x2.promote_low_f32x4
                (i8x16.shuffle 8 9 10 11 12 13 14 15 0 1 2 3 4 5 6 7 (local.get $x) (local.get $x))))))
        ;; The power of two is the exponent's bits; the second bin begins at 2^-8.
        (local.set $place
          (v128.bitselect
            (i32x4.max_s
              (v128.const i32x4 0 0 0 0)
              (i32x4.min_s
                (v128.const i32x4 15 15 15 15)
                (i32x4.sub
                  (i32x4.shr_u (local.get $size) (i32.const 23))
                  (v128.const i32x4 118 118 118 118))))
            (v128.const i32x4 16 16 16 16)
            (local.get $finite)))
        (local.set $place (i32x4.add (i32x4.splat (local.get $bins)) (i32x4.shl (local.get $place) (i32.const 2))))
        (local.set $bin (i32x4.extract_lane 0 (local.get $place)))
        (f32.store (local.get $bin) (f32.add (f32.load (local.get $bin)) (f32.const 1)))
        (local.set $bin (i32x4.extract_lane 1 (local.get $place)))
        (f32.store (local.get $bin) (f32.add (f32.load (local.get $bin)) (f32.const 1)))
        (local.set $bin (i32x4.extract_lane 2 (local.get $place)))
        (f32.store (local.get $bin) (f32.add (f32.load (local.get $bin)) (f32.const 1)))
        (local.set $bin (i32x4.extract_lane 3 (local.get $place)))
        (f32.store (local.get $bin) (f32.add (f32.load (local.get $bin)) (f32.const 1)))
        (local.set $p (i32.add (local.get $p) (i32.const 16)))
        (br_if $first (i32.lt_u (local.get $p) (local.get $end))))
      (local.set $mean
        (f64.div
          (f64.add (f64x2.extract_lane 0 (local.get $sum)) (f64x2.extract_lane 1 (local.get $sum)))
          (f64.convert_i32_u (local.get $count))))
      (local.set $means (f64x2.splat (local.get $mean)))

      ;; The mean first, so that a large mean does not eat the variance.
      (local.set $sum (v128.const i64x2 0 0))
      (local.set $farthest (v128.const i64x2 0 0))
      (local.set $p (local.get $at))
      (loop $second
        (local.set $x (v128.load (local.get $p)))
        (local.set $finite (f32x4.lt (f32x4.abs (local.get $x)) (v128.const f32x4 inf inf inf inf)))
        (local.set $low
          (v128.and
            (f64x2.abs (f64x2.sub (f64x2.promote_low_f32x4 (local.get $x)) (local.get $means)))
            (i64x2.extend_low_i32x4_s (local.get $finite))))
        (local.set $high
          (v128.and
            (f64x2.abs
              (f64x2.sub
                (f64x2.promote_low_f32x4
                  (i8x16.shuffle 8 9 10 11 12 13 14 15 0 1 2 3 4 5 6 7 (local.get $x) (local.get $x)))
                (local.get $means)))
            (i64x2.extend_high_i32x4_s (local.get $finite))))
        (local.set $sum
          (f64x2.add
            (local.get $sum)
            (f64x2.add
              (f64x2.mul (local.get $low) (local.get $low))
              (f64x2.mul (local.get $high) (local.get $high)))))
        (local.set $farthest
          (f64x2.max (local.get $farthest) (f64x2.max (local.get $low) (local.get $high))))
        (local.set $p (i32.add (local.get $p) (i32.const 16)))
        (br_if $second (i32.lt_u (local.get $p) (local.get $end))))
      (local.set $deviation
        (f64.sqrt
          (f64.div
            (f64.add (f64x2.extract_lane 0 (local.get $sum)) (f64x2.extract_lane 1 (local.get $sum)))
            (f64.convert_i32_u (local.get $count)))))
      (local.set $limit (f64x2.splat (f64.mul (local.get $distance) (local.get $deviation))))

      ;; Most rows have none.
      (local.set $outliers (i32.const 0))
      (if (v128.any_true (f64x2.gt (local.get $farthest) (local.get $limit)))
        (then
          (local.set $p (local.get $at))
          (loop $third
            (local.set $x (v128.load (local.get $p)))
            (local.set $finite (f32x4.lt (f32x4.abs (local.get $x)) (v128.const f32x4 inf inf inf inf)))
            (local.set $low
              (v128.and
                (f64x2.abs (f64x2.sub (f64x2.promote_low_f32x4 (local.get $x)) (local.get $means)))
                (i64x2.extend_low_i32x4_s (local.get $finite))))
            (local.set $high
              (v128.and
                (f64x2.abs
                  (f64x2.sub
                    (f64x2.promote_low_f32x4
                      (i8x16.shuffle 8 9 10 11 12 13 14 15 0 1 2 3 4 5 6 7 (local.get $x) (local.get $x)))
                    (local.get $means)))
                (i64x2.extend_high_i32x4_s (local.get $finite))))
            (local.set $outliers
              (i32.add
                (local.get $outliers)
                (i32.add
                  (i32.popcnt (i64x2.bitmask (f64x2.gt (local.get $low) (local.get $limit))))
                  (i32.popcnt (i64x2.bitmask (f64x2.gt (local.get $high) (local.get $limit)))))))
            (local.set $p (i32.add (local.get $p) (i32.const 16)))
            (br_if $third (i32.lt_u (local.get $p) (local.get $end))))))

      (local.set $p (local.get $out))
      (f32.store (local.get $p) (f32.demote_f64 (local.get $mean)))
      (local.set $p (i32.add (local.get $p) (local.get $column)))
      (f32.store (local.get $p) (f32.demote_f64 (local.get $deviation)))
      (local.set $p (i32.add (local.get $p) (local.get $column)))
      (f32.store
        (local.get $p)
        (select
          (f32.max
            (f32.max (f32x4.extract_lane 0 (local.get $most)) (f32x4.extract_lane 1 (local.get $most)))
            (f32.max (f32x4.extract_lane 2 (local.get $most)) (f32x4.extract_lane 3 (local.get $most))))
          (f32.const nan)
          (local.get $count)))
      (local.set $p (i32.add (local.get $p) (local.get $column)))
      (f32.store (local.get $p) (call $share (local.get $zeros) (local.get $count)))
      (local.set $p (i32.add (local.get $p) (local.get $column)))
      (f32.store (local.get $p) (call $share (local.get $outliers) (local.get $count)))
      (local.set $p (i32.add (local.get $p) (local.get $column)))
      (f32.store (local.get $p) (f32.convert_i32_u (i32.sub (local.get $width) (local.get $count))))

      (local.set $out (i32.add (local.get $out) (i32.const 4)))
      (local.set $bins (i32.add (local.get $bins) (i32.const 64)))
      (local.set $at (local.get $end))
      (local.set $rows (i32.sub (local.get $rows) (i32.const 1)))
      (br_if $each (local.get $rows))))

  (func $share (param $part i32) (param $whole i32) (result f32)
    (f32.demote_f64
      (f64.div (f64.convert_i32_u (local.get $part)) (f64.convert_i32_u (local.get $whole))))))
