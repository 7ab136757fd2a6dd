#pragma once
// Row kernels of the way back; included by each kernels_*.cpp behind elementwise.h.
#include "floats/gradients/attention_gradients.h"
#include "floats/elementwise.h"
#include "floats/gradients/gradient_table.h"

namespace elastic {
namespace {

/** Calls fn(index, count) for vectors of a row, the last one partly filled. */
template <typename Function>
ELASTIC_INLINE void for_vectors(int64_t n, const Function& fn) {
  for (int64_t i = 0; i < n; i += kLanes) fn(i, n - i < kLanes ? n - i : kLanes);
}

template <DType dtype>
ELASTIC_INLINE Vector load_some(const char* x, int64_t index, int64_t count) {
  return count == kLanes ? load<dtype>(x, index) : load_first<dtype>(x, index, count);
}

template <DType dtype>
ELASTIC_INLINE void store_some(char* x, int64_t index, int64_t count, Vector value) {
  if (count == kLanes) {
    store<dtype>(x, index, value);
  } else {
    store_first<dtype>(x, index, count, value);
  }
}

static void rms_norm_gradient(const char* x, DType x_type, const float* weight, float epsilon, const char* dy, DType dy_type,
                              char* dx, DType dx_type, bool accumulate, int64_t n) {
  const char* w = reinterpret_cast<const char*>(weight);
  ELASTIC_WITH_DTYPE(x_type, kX, {
    ELASTIC_WITH_DTYPE(dy_type, kDy, {
      Vector squares = {}, products = {};
      for_vectors(n, [&](int64_t i, int64_t count) __attribute__((always_inline)) {
        const Vector value = load_some<kX>(x, i, count);
        squares += value * value;
        products += value * load_some<kDy>(dy, i, count) * load_some<DType::F32>(w, i, count);
      });
      const float length = static_cast<float>(n);
      const float scale = 1.0f / __builtin_sqrtf(sum_of(squares) / length + epsilon);
      const float along = sum_of(products) / length * scale * scale * scale;
      ELASTIC_WITH_DTYPE(dx_type, kDx, {
        for_vectors(n, [&](int64_t i, int64_t count) __attribute__((always_inline)) {
          const Vector u = load_some<kDy>(dy, i, count) * load_some<DType::F32>(w, i, count);
          Vector gradient = u * scale - load_some<kX>(x, i, count) * along;
          if (accumulate) gradient += load_some<kDx>(dx, i, count);
          store_some<kDx>(dx, i, count, gradient);
        });
      })
    })
  })
}

static float cross_entropy(const char* x, DType x_type, int64_t target, char* gradient, DType gradient_type, float scale,
                           int64_t n) {
  float loss = 0;
  ELASTIC_WITH_DTYPE(x_type, kX, {
    const Vector nothing = broadcast(-__builtin_inff());
    Vector largest = nothing;
    int64_t whole = n / kLanes * kLanes;
    for (int64_t i = 0; i < whole; i += kLanes) largest = maximum(load<kX>(x, i), largest);
    float top = largest_of(largest);
    for (int64_t i = whole; i < n; ++i) {
      const float value = load_first<kX>(x, i, 1)[0];
      top = value > top ? value : top;
    }
    double sum = 0;
    for (int64_t i = 0; i < whole; i += kLanes) sum += sum_of(exp2_of((load<kX>(x, i) - top) * kLog2E));
    if (whole < n) {
      const Vector weight = exp2_of((load_first<kX>(x, whole, n - whole) - top) * kLog2E);
      for (int64_t lane = 0; lane < n - whole; ++lane) sum += weight[lane];
    }
    const float expected = load_first<kX>(x, target, 1)[0];
    loss = static_cast<float>(static_cast<double>(top) + __builtin_log(sum) - static_cast<double>(expected));
    if (gradient != nullptr) {
      const float factor = static_cast<float>(scale / sum);
      // The gradient may replace x: the target's element is computed from what was read before.
      const float at_target = exp2_of(broadcast((expected - top) * kLog2E))[0] * factor - scale;
      ELASTIC_WITH_DTYPE(gradient_type, kGradient, {
        for_vectors(n, [&](int64_t i, int64_t count) __attribute__((always_inline)) {
          store_some<kGradient>(gradient, i, count, exp2_of((load_some<kX>(x, i, count) - top) * kLog2E) * factor);
        });
        store_first<kGradient>(gradient, target, 1, broadcast(at_target));
      })
    }
  })
  return loss;
}

static void mix(const char* full, const char* sparse, char* out, DType dtype, float gate, int64_t n) {
  // Whole gates copy, so that what is not chosen cannot be seen, not even an infinity.
  if (gate == 1.0f || gate == 0.0f) {
    convert(gate == 1.0f ? full : sparse, dtype, out, dtype, n);
    return;
  }
  ELASTIC_WITH_DTYPE(dtype, kType, {
    for_vectors(n, [&](int64_t i, int64_t count) __attribute__((always_inline)) {
      const Vector value = load_some<kType>(full, i, count) * gate + load_some<kType>(sparse, i, count) * (1.0f - gate);
      store_some<kType>(out, i, count, value);
    });
  })
}

static float mix_gradient(const char* full, const char* sparse, DType dtype, const char* dy, DType dy_type, int64_t n) {
  float result = 0;
  ELASTIC_WITH_DTYPE(dtype, kType, {
    ELASTIC_WITH_DTYPE(dy_type, kDy, {
      Vector sum = {};
      for_vectors(n, [&](int64_t i, int64_t count) __attribute__((always_inline)) {
        sum += load_some<kDy>(dy, i, count) * (load_some<kType>(full, i, count) - load_some<kType>(sparse, i, count));
      });
      result = sum_of(sum);
    })
  })
  return result;
}

static float dot_typed(const char* a, DType a_type, const char* b, DType b_type, int64_t n) {
  float result = 0;
  ELASTIC_WITH_DTYPE(a_type, kA, {
    ELASTIC_WITH_DTYPE(b_type, kB, {
      Vector sum = {};
      for_vectors(n, [&](int64_t i, int64_t count) __attribute__((always_inline)) {
        sum += load_some<kA>(a, i, count) * load_some<kB>(b, i, count);
      });
      result = sum_of(sum);
    })
  })
  return result;
}

static void add_scaled(const float* x, float factor, float* y, int64_t n) {
  const char* source = reinterpret_cast<const char*>(x);
  char* target = reinterpret_cast<char*>(y);
  for_vectors(n, [&](int64_t i, int64_t count) __attribute__((always_inline)) {
    const Vector value = load_some<DType::F32>(target, i, count) + load_some<DType::F32>(source, i, count) * factor;
    store_some<DType::F32>(target, i, count, value);
  });
}

static void add_floats(const float* addend, char* x, DType dtype, int64_t n) {
  add_into(reinterpret_cast<const char*>(addend), DType::F32, x, dtype, n);
}

static void attention_gradients(float* scores, float* products, int64_t stride, float* panel, const float* log_sum_exp,
                                const float* delta, const ScoreFactors& factors, const SquareMask& mask) {
  const char* l = reinterpret_cast<const char*>(log_sum_exp);
  const char* d = reinterpret_cast<const char*>(delta);
  for (int64_t half = 0; half < kGradientSquare; half += kLanes) {
    const Vector lse = load<DType::F32>(l, half), deltas = load<DType::F32>(d, half);
    for (int64_t key = 0; key < kGradientSquare; ++key) {
      char* score = reinterpret_cast<char*>(scores + key * stride + half);
      char* product = reinterpret_cast<char*>(products + key * stride + half);
      const RowGradients result = row_gradients(load<DType::F32>(score, 0), load<DType::F32>(product, 0), lse, deltas, factors,
                                                mask.from(key, half), mask.until(key, half));
      store<DType::F32>(score, 0, result.weights);
      store<DType::F32>(product, 0, result.gradients);
      store<DType::F32>(reinterpret_cast<char*>(panel + key * kGradientSquare + half), 0, result.gradients);
    }
  }
}

}  // namespace

#define ELASTIC_DEFINE_GRADIENT_KERNELS(function)                                                                     \
  namespace elastic {                                                                                                 \
  const GradientKernels& function() {                                                                                 \
    static constexpr GradientKernels kernels = {rms_norm_gradient, cross_entropy, mix, mix_gradient, \
                                                dot_typed, add_scaled, add_floats, attention_gradients};              \
    return kernels;                                                                                                   \
  }                                                                                                                   \
  }

}  // namespace elastic
