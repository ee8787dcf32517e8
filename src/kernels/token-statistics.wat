;; What `tokenStatistics` does, four logits at a time. Rows lie at multiples of 16 bytes and are as long as a multiple
;; of 16 logits: whoever calls fills the rest with -inf, which no token's logit is below and which weighs nothing.
(module
  (memory (export "memory") 1)

  ;; The k largest of the row [row, end), largest first, equal ones by id: values f32 [k] and ids i32 [k].
  ;; Answers with how many there are: -inf counts for none. NaN is passed over here and found by the moments.
  (func (export "largest")
    (param $row i32) (param $end i32) (param $values i32) (param $ids i32) (param $k i32) (result i32)
    (local $at i32) (local $stop i32) (local $scan i32) (local $count i32) (local $slot i32)
    (local $least f32) (local $leasts v128) (local $logit f32)
    (local.set $least (f32.const -inf))
    (local.set $leasts (f32x4.splat (f32.const -inf)))
    (local.set $at (local.get $row))
    (loop $blocks
      (local.set $stop (i32.add (local.get $at) (i32.const 64)))
      ;; Of nearly all blocks none is among the k.
      (if (v128.any_true
            (v128.or
              (v128.or
                (f32x4.gt (v128.load (local.get $at)) (local.get $leasts))
                (f32x4.gt (v128.load offset=16 (local.get $at)) (local.get $leasts)))
              (v128.or
                (f32x4.gt (v128.load offset=32 (local.get $at)) (local.get $leasts))
                (f32x4.gt (v128.load offset=48 (local.get $at)) (local.get $leasts)))))
        (then
          (local.set $scan (local.get $at))
          (loop $logits
            (local.set $logit (f32.load (local.get $scan)))
            (if (f32.gt (local.get $logit) (local.get $least))
              (then
                (if (i32.lt_u (local.get $count) (local.get $k))
                  (then (local.set $count (i32.add (local.get $count) (i32.const 1)))))
                ;; In bytes, from the last place up to where it belongs.
                (local.set $slot (i32.shl (i32.sub (local.get $count) (i32.const 1)) (i32.const 2)))
                (block $found
                  (loop $places
                    (br_if $found (i32.eqz (local.get $slot)))
                    (br_if $found
                      (f32.le
                        (local.get $logit)
                        (f32.load (i32.add (local.get $values) (i32.sub (local.get $slot) (i32.const 4))))))
                    (f32.store
                      (i32.add (local.get $values) (local.get $slot))
                      (f32.load (i32.add (local.get $values) (i32.sub (local.get $slot) (i32.const 4)))))
                    (i32.store
                      (i32.add (local.get $ids) (local.get $slot))
                      (i32.load (i32.add (local.get $ids) (i32.sub (local.get $slot) (i32.const 4)))))
                    (local.set $slot (i32.sub (local.get $slot) (i32.const 4)))
                    (br $places)))
                (f32.store (i32.add (local.get $values) (local.get $slot)) (local.get $logit))
                (i32.store
                  (i32.add (local.get $ids) (local.get $slot))
                  (i32.shr_u (i32.sub (local.get $scan) (local.get $row)) (i32.const 2)))
                (if (i32.eq (local.get $count) (local.get $k))
                  (then
                    (local.set $least
                      (f32.load
                        (i32.add (local.get $values) (i32.shl (i32.sub (local.get $k) (i32.const 1)) (i32.const 2)))))
                    (local.set $leasts (f32x4.splat (local.get $least)))))))
            (local.set $scan (i32.add (local.get $scan) (i32.const 4)))
            (br_if $logits (i32.lt_u (local.get $scan) (local.get $stop))))))
      (local.set $at (local.get $stop))
      (br_if $blocks (i32.lt_u (local.get $at) (local.get $end))))
    (local.get $count))

  ;; With x = (logit - max) colder, <= 0: the sums of e^x, x e^x and x^2 e^x, three f64 at $out. NaN where a logit is.
  ;; e^x = 2^n e^r, n the whole number next to x / ln 2, |r| <= ln 2 / 2, and e^r by its series up to r^7 / 7!.
  ;; Sums of 256 logits are float32, sums of those float64.
  (func (export "moments")
    (param $row i32) (param $end i32) (param $max f32) (param $colder f32) (param $out i32)
    (local $at i32) (local $stop i32) (local $shift v128) (local $scale v128)
    (local $x v128) (local $n v128) (local $r v128) (local $weight v128)
    (local $sum v128) (local $first v128) (local $second v128)
    (local.set $shift (f32x4.splat (local.get $max)))
    (local.set $scale (f32x4.splat (local.get $colder)))
    (v128.store (local.get $out) (v128.const i64x2 0 0))
    (f64.store offset=16 (local.get $out) (f64.const 0))
    (local.set $at (local.get $row))
    (loop $blocks
      (local.set $stop (i32.add (local.get $at) (i32.const 1024)))
      (if (i32.gt_u (local.get $stop) (local.get $end))
        (then (local.set $stop (local.get $end))))
      (local.set $sum (v128.const f32x4 0 0 0 0))
      (local.set $first (v128.const f32x4 0 0 0 0))
      (local.set $second (v128.const f32x4 0 0 0 0))
      (loop $logits
        ;; e^-87 is the smallest that is a normal number; pmax lets NaN through.
        (local.set $x
          (f32x4.pmax
            (f32x4.mul (f32x4.sub (v128.load (local.get $at)) (local.get $shift)) (local.get $scale))
            (v128.const f32x4 -87 -87 -87 -87)))
        (local.set $n
          (f32x4.nearest
            (f32x4.mul (local.get $x) (v128.const f32x4 1.44269504 1.44269504 1.44269504 1.44269504))))
        ;; ln 2 in two pieces: n times the first is exact.
        (local.set $r
          (f32x4.sub
            (f32x4.sub
              (local.get $x)
              (f32x4.mul (local.get $n) (v128.const f32x4 0.693359375 0.693359375 0.693359375 0.693359375)))
            (f32x4.mul
              (local.get $n)
              (v128.const f32x4 -2.12194440e-4 -2.12194440e-4 -2.12194440e-4 -2.12194440e-4))))
        (local.set $weight
          (f32x4.mul
            (local.get $r)
            (v128.const f32x4 1.98412698e-4 1.98412698e-4 1.98412698e-4 1.98412698e-4)))
        (local.set $weight
          (f32x4.mul
            (local.get $r)
            (f32x4.add
              (local.get $weight)
              (v128.const f32x4 1.38888889e-3 1.38888889e-3 1.38888889e-3 1.38888889e-3))))
        (local.set $weight
          (f32x4.mul
            (local.get $r)
            (f32x4.add
              (local.get $weight)
              (v128.const f32x4 8.33333333e-3 8.33333333e-3 8.33333333e-3 8.33333333e-3))))
        (local.set $weight
          (f32x4.mul
            (local.get $r)
            (f32x4.add
              (local.get $weight)
              (v128.const f32x4 4.16666667e-2 4.16666667e-2 4.16666667e-2 4.16666667e-2))))
        (local.set $weight
          (f32x4.mul
            (local.get $r)
            (f32x4.add
              (local.get $weight)
              (v128.const f32x4 1.66666667e-1 1.66666667e-1 1.66666667e-1 1.66666667e-1))))
        (local.set $weight
          (f32x4.mul
            (local.get $r)
            (f32x4.add (local.get $weight) (v128.const f32x4 0.5 0.5 0.5 0.5))))
        (local.set $weight
          (f32x4.mul
            (local.get $r)
            (f32x4.add (local.get $weight) (v128.const f32x4 1 1 1 1))))
        (local.set $weight
          (f32x4.mul
            (f32x4.add (local.get $weight) (v128.const f32x4 1 1 1 1))
            ;; 2^n, by its exponent's bits.
            (i32x4.shl
              (i32x4.add (i32x4.trunc_sat_f32x4_s (local.get $n)) (v128.const i32x4 127 127 127 127))
              (i32.const 23))))
        (local.set $sum (f32x4.add (local.get $sum) (local.get $weight)))
        (local.set $weight (f32x4.mul (local.get $weight) (local.get $x)))
        (local.set $first (f32x4.add (local.get $first) (local.get $weight)))
        (local.set $second (f32x4.add (local.get $second) (f32x4.mul (local.get $weight) (local.get $x))))
        (local.set $at (i32.add (local.get $at) (i32.const 16)))
        (br_if $logits (i32.lt_u (local.get $at) (local.get $stop))))
      (call $add (local.get $out) (local.get $sum))
      (call $add (i32.add (local.get $out) (i32.const 8)) (local.get $first))
      (call $add (i32.add (local.get $out) (i32.const 16)) (local.get $second))
      (br_if $blocks (i32.lt_u (local.get $at) (local.get $end)))))

  ;; Four float32 onto the float64 at $to.
  (func $add (param $to i32) (param $four v128)
    (local $two v128)
    (local.set $two
      (f64x2.add
        (f64x2.promote_low_f32x4 (local.get $four))
        (f64x2.promote_low_f32x4
          (i8x16.shuffle 8 9 10 11 12 13 14 15 0 1 2 3 4 5 6 7 (local.get $four) (local.get $four)))))
    (f64.store
      (local.get $to)
      (f64.add
        (f64.load (local.get $to))
        (f64.add (f64x2.extract_lane 0 (local.get $two)) (f64x2.extract_lane 1 (local.get $two)))))))
