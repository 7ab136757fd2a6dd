#pragma once
// Row-wise kernels of norms, gates, multipliers and rotation; included once for each instruction set.
#include "floats/elements/activations.h"
#include "floats/elements/element_table.h"
#include "floats/elements/row_parts.h"

namespace elastic {
namespace {

#define ELASTIC_PART [&](int64_t i, int64_t count) __attribute__((always_inline))

template <ActivationKind kind, DType dtype>
static void gate_typed(const GateFunction& function, const char* gate, const char* up, char* out, int64_t n) {
  for_parts(n, ELASTIC_PART {
    store_part<dtype>(out, i, count, gated_of<kind>(function, load_part<dtype>(gate, i, count), load_part<dtype>(up, i, count)));
  });
}

static void gate_row(const GateFunction& function, const char* gate, const char* up, char* out, DType dtype, int64_t n) {
  ELASTIC_WITH_DTYPE(dtype, kType, {
    if (function.kind == ActivationKind::ClampedSwiglu) {
      gate_typed<ActivationKind::ClampedSwiglu, kType>(function, gate, up, out, n);
    } else {
      ELASTIC_WITH_ACTIVATION(function.kind, kKind, gate_typed<kKind, kType>(function, gate, up, out, n);)
    }
  })
}

template <ActivationKind kind, DType dtype>
static void gate_gradient_typed(const GateFunction& function, const char* gate, const char* up, const char* dy,
                                char* gate_gradient, char* up_gradient, int64_t n) {
  for_parts(n, ELASTIC_PART {
    Vector by_up;
    const Vector by_gate = gated_derivatives<kind>(function, load_part<dtype>(gate, i, count), load_part<dtype>(up, i, count), &by_up);
    const Vector d = load_part<dtype>(dy, i, count);
    store_part<dtype>(up_gradient, i, count, d * by_up);
    store_part<dtype>(gate_gradient, i, count, d * by_gate);
  });
}

static void gate_gradient_row(const GateFunction& function, const char* gate, const char* up, const char* dy,
                              char* gate_gradient, char* up_gradient, DType dtype, int64_t n) {
  ELASTIC_WITH_DTYPE(dtype, kType, {
    if (function.kind == ActivationKind::ClampedSwiglu) {
      gate_gradient_typed<ActivationKind::ClampedSwiglu, kType>(function, gate, up, dy, gate_gradient, up_gradient, n);
    } else {
      ELASTIC_WITH_ACTIVATION(function.kind, kKind,
                              gate_gradient_typed<kKind, kType>(function, gate, up, dy, gate_gradient, up_gradient, n);)
    }
  })
}

template <ActivationKind kind, DType dtype>
static void activate_typed(const char* x, char* out, int64_t n) {
  for_parts(n, ELASTIC_PART { store_part<dtype>(out, i, count, activation_of<kind>(load_part<dtype>(x, i, count))); });
}

static void activate_row(ActivationKind kind, const char* x, char* out, DType dtype, int64_t n) {
  ELASTIC_WITH_DTYPE(dtype, kType, { ELASTIC_WITH_ACTIVATION(kind, kKind, activate_typed<kKind, kType>(x, out, n);) })
}

template <ActivationKind kind, DType dtype>
static void activate_gradient_typed(const char* x, const char* dy, char* dx, int64_t n) {
  for_parts(n, ELASTIC_PART {
    store_part<dtype>(dx, i, count, load_part<dtype>(dy, i, count) * derivative_of<kind>(load_part<dtype>(x, i, count)));
  });
}

static void activate_gradient_row(ActivationKind kind, const char* x, const char* dy, char* dx, DType dtype, int64_t n) {
  ELASTIC_WITH_DTYPE(dtype, kType,
                     { ELASTIC_WITH_ACTIVATION(kind, kKind, activate_gradient_typed<kKind, kType>(x, dy, dx, n);) })
}

/** Mean and 1 / sqrt(variance + epsilon) of a row; two passes, since x² - mean² would cancel. */
template <DType dtype>
ELASTIC_INLINE void row_moments(const char* x, float epsilon, int64_t n, float* mean, float* scale) {
  Vector sum = {};
  for_parts(n, ELASTIC_PART { sum += load_part<dtype>(x, i, count); });
  const float center = sum_of(sum) / static_cast<float>(n);
  Vector squares = {};
  for_parts(n, ELASTIC_PART {
    const Vector distance = first_lanes(load_part<dtype>(x, i, count) - center, count);
    squares += distance * distance;
  });
  *mean = center;
  *scale = 1.0f / __builtin_sqrtf(sum_of(squares) / static_cast<float>(n) + epsilon);
}

static void layer_norm_row(const char* x, DType from, const float* weight, const float* bias, float epsilon, char* out, DType to,
                           int64_t n) {
  ELASTIC_WITH_DTYPE(from, kFrom, {
    float mean, scale;
    row_moments<kFrom>(x, epsilon, n, &mean, &scale);
    ELASTIC_WITH_DTYPE(to, kTo, {
      for_parts(n, ELASTIC_PART {
        Vector value = (load_part<kFrom>(x, i, count) - mean) * scale * load_part(weight, i, count);
        if (bias != nullptr) value += load_part(bias, i, count);
        store_part<kTo>(out, i, count, value);
      });
    })
  })
}

static void layer_norm_gradient_row(const char* x, DType x_type, const float* weight, float epsilon, const char* dy,
                                    DType dy_type, char* dx, DType dx_type, bool accumulate, int64_t n) {
  ELASTIC_WITH_DTYPE(x_type, kX, {
    float mean, scale;
    row_moments<kX>(x, epsilon, n, &mean, &scale);
    ELASTIC_WITH_DTYPE(dy_type, kDy, {
      Vector sums = {}, products = {};
      for_parts(n, ELASTIC_PART {
        const Vector u = load_part<kDy>(dy, i, count) * load_part(weight, i, count);
        sums += u;
        products += u * (load_part<kX>(x, i, count) - mean) * scale;
      });
      const float average = sum_of(sums) / static_cast<float>(n), along = sum_of(products) / static_cast<float>(n);
      ELASTIC_WITH_DTYPE(dx_type, kDx, {
        for_parts(n, ELASTIC_PART {
          const Vector u = load_part<kDy>(dy, i, count) * load_part(weight, i, count);
          Vector gradient = (u - average - (load_part<kX>(x, i, count) - mean) * scale * along) * scale;
          if (accumulate) gradient += load_part<kDx>(dx, i, count);
          store_part<kDx>(dx, i, count, gradient);
        });
      })
    })
  })
}

static void scale_row(const char* x, DType from, float factor, float cap, char* out, DType to, int64_t n) {
  ELASTIC_WITH_DTYPE(from, kFrom, {
    ELASTIC_WITH_DTYPE(to, kTo, {
      if (cap > 0.0f) {
        for_parts(n, ELASTIC_PART {
          store_part<kTo>(out, i, count, tanh_of(load_part<kFrom>(x, i, count) * factor / cap) * cap);
        });
      } else {
        for_parts(n, ELASTIC_PART { store_part<kTo>(out, i, count, load_part<kFrom>(x, i, count) * factor); });
      }
    })
  })
}

static void scale_gradient_row(const char* x, DType x_type, float factor, float cap, const char* dy, DType dy_type, char* dx,
                               DType dx_type, int64_t n) {
  ELASTIC_WITH_DTYPE(x_type, kX, {
    ELASTIC_WITH_DTYPE(dy_type, kDy, {
      ELASTIC_WITH_DTYPE(dx_type, kDx, {
        for_parts(n, ELASTIC_PART {
          const Vector tanh = tanh_of(load_part<kX>(x, i, count) * factor / cap);
          store_part<kDx>(dx, i, count, load_part<kDy>(dy, i, count) * factor * (1.0f - tanh * tanh));
        });
      })
    })
  })
}

/** `count` elements, each of count / 2 numbers twice. */
ELASTIC_INLINE Vector each_twice(const float* x, int64_t count) {
  alignas(64) float twice[kLanes] = {};
  for (int64_t lane = 0; lane < count; ++lane) twice[lane] = x[lane / 2];
  return load_part(twice, 0, kLanes);
}

/** Neighbouring lanes in each other's place, the even ones negated: what the sine multiplies. */
ELASTIC_INLINE Vector turned_pairs(Vector x) {
  Vector turned;
  for (int64_t lane = 0; lane < kLanes; lane += 2) {
    turned[lane] = -x[lane + 1];
    turned[lane + 1] = x[lane];
  }
  return turned;
}

static void rotate_neighbours_row(char* x, DType dtype, const float* cosine, const float* sine, float direction, int64_t n) {
  ELASTIC_WITH_DTYPE(dtype, kType, {
    for_parts(n, ELASTIC_PART {
      const Vector value = load_part<kType>(x, i, count);
      const Vector cos = each_twice(cosine + i / 2, count), sin = each_twice(sine + i / 2, count) * direction;
      store_part<kType>(x, i, count, value * cos + turned_pairs(value) * sin);
    });
  })
}

static void add_scaled_row(const char* a, const char* b, float factor, char* out, DType dtype, int64_t n) {
  ELASTIC_WITH_DTYPE(dtype, kType, {
    for_parts(n, ELASTIC_PART {
      store_part<kType>(out, i, count, load_part<kType>(a, i, count) + load_part<kType>(b, i, count) * factor);
    });
  })
}

static void add_to_floats_row(const char* x, DType from, float factor, float* sums, int64_t n) {
  char* target = reinterpret_cast<char*>(sums);
  ELASTIC_WITH_DTYPE(from, kFrom, {
    for_parts(n, ELASTIC_PART {
      store_part<DType::F32>(target, i, count, load_part(sums, i, count) + load_part<kFrom>(x, i, count) * factor);
    });
  })
}

}  // namespace

#define ELASTIC_DEFINE_ELEMENT_KERNELS(function)                                                                    \
  namespace elastic {                                                                                               \
  const ElementKernels& function() {                                                                                \
    static constexpr ElementKernels kernels = {                                                                     \
        .gate = gate_row, .gate_gradient = gate_gradient_row, .activate = activate_row,                             \
        .activate_gradient = activate_gradient_row, .layer_norm = layer_norm_row,                                   \
        .layer_norm_gradient = layer_norm_gradient_row, .scale = scale_row, .scale_gradient = scale_gradient_row,   \
        .rotate_neighbours = rotate_neighbours_row, .add_scaled = add_scaled_row,                                   \
        .add_to_floats = add_to_floats_row};                                                                        \
    return kernels;                                                                                                 \
  }                                                                                                                 \
  }

}  // namespace elastic
