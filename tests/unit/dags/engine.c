/* A reconstruction engine in C99, for the tests: reads an ISMRMRD stream, writes a magnitude image
 * (root sum of squares) of each slice. Fully sampled 2D only; the image is cut from the middle of
 * the readout. Nothing but the C library is needed. */
#include <complex.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { HEADER = 3, CLOSE = 4, ACQUISITION = 1008, IMAGE = 1022 };
enum { ACQUISITION_BYTES = 340, IMAGE_BYTES = 198 };

static void read_all(void *target, size_t n) {
    if (fread(target, 1, n, stdin) != n) { fprintf(stderr, "The input ends early.\n"); exit(3); }
}

static uint16_t u16(const unsigned char *at) { uint16_t v; memcpy(&v, at, 2); return v; }

static double number_after(const char *document, const char *space, const char *parent,
                           const char *name) {
    const char *at = strstr(document, space);
    at = at ? strstr(at, parent) : NULL;
    at = at ? strstr(at, name) : NULL;
    if (!at) { fprintf(stderr, "The header lacks %s.\n", name); exit(4); }
    return atof(at + strlen(name));
}

/* The centred orthonormal inverse transform of n elements, each `step` apart. */
static void transform(double complex *data, int n, int step) {
    double complex *sum = calloc(n, sizeof *sum);
    for (int x = 0; x < n; x++)
        for (int k = 0; k < n; k++)
            sum[x] += data[k * step] * cexp(2 * M_PI * I * (k - n / 2) * (x - n / 2) / n);
    for (int x = 0; x < n; x++) data[x * step] = sum[x] / sqrt(n);
    free(sum);
}

int main(void) {
    uint16_t kind;
    uint32_t length;
    read_all(&kind, 2);
    if (kind != HEADER) return 5;
    read_all(&length, 4);
    char *document = calloc(length + 1, 1);
    read_all(document, length);
    int n_kx = number_after(document, "<encodedSpace", "<matrixSize", "<x>");
    int n_ky = number_after(document, "<encodedSpace", "<matrixSize", "<y>");
    int n_x = number_after(document, "<reconSpace", "<matrixSize", "<x>");
    float fov[3] = {number_after(document, "<reconSpace", "<fieldOfView_mm", "<x>"),
                    number_after(document, "<reconSpace", "<fieldOfView_mm", "<y>"),
                    number_after(document, "<reconSpace", "<fieldOfView_mm", "<z>")};
    unsigned char head[ACQUISITION_BYTES];
    double complex *kspace = NULL;
    int n_coils = 0, n_lines = 0;
    for (read_all(&kind, 2); kind == ACQUISITION; read_all(&kind, 2)) {
        read_all(head, sizeof head);
        int n_samples = u16(head + 34), row = u16(head + 242);
        int first = n_kx / 2 - u16(head + 172);
        n_coils = u16(head + 38);
        if (!kspace) kspace = calloc((size_t)n_coils * n_ky * n_kx, sizeof *kspace);
        float *samples = malloc(8 * (size_t)n_coils * n_samples);
        read_all(samples, 8 * (size_t)n_coils * n_samples);
        for (int c = 0; c < n_coils; c++)
            for (int s = 0; s < n_samples; s++) {
                float *pair = samples + 2 * (c * n_samples + s);
                kspace[(c * n_ky + row) * n_kx + first + s] = pair[0] + pair[1] * I;
            }
        free(samples);
        n_lines++;
    }
    if (kind != CLOSE || !n_lines) return 6;
    fprintf(stderr, "%d lines of %d coils\n", n_lines, n_coils);
    float *image = calloc((size_t)n_ky * n_x, sizeof *image);
    for (int c = 0; c < n_coils; c++) {
        double complex *coil = kspace + (size_t)c * n_ky * n_kx;
        for (int y = 0; y < n_ky; y++) transform(coil + y * n_kx, n_kx, 1);
        for (int x = 0; x < n_kx; x++) transform(coil + x, n_ky, n_kx);
        for (int y = 0; y < n_ky; y++)
            for (int x = 0; x < n_x; x++)
                image[y * n_x + x] += pow(cabs(coil[y * n_kx + x + n_kx / 2 - n_x / 2]), 2);
    }
    for (int i = 0; i < n_ky * n_x; i++) image[i] = sqrt(image[i]);
    unsigned char out[IMAGE_BYTES] = {1, 0, 5, 0}; /* version 1, 32-bit floats */
    uint16_t matrix[3] = {n_x, n_ky, 1}, one = 1;
    uint64_t no_attributes = 0;
    memcpy(out + 16, matrix, 6);
    memcpy(out + 22, fov, 12);
    memcpy(out + 34, &one, 2);            /* channels */
    memcpy(out + 36, head + 182, 12 * 5); /* position, directions, table */
    memcpy(out + 124, &one, 2);           /* a magnitude */
    kind = IMAGE;
    fwrite(&kind, 2, 1, stdout);
    fwrite(out, sizeof out, 1, stdout);
    fwrite(&no_attributes, 8, 1, stdout);
    fwrite(image, sizeof *image, (size_t)n_ky * n_x, stdout);
    kind = CLOSE;
    fwrite(&kind, 2, 1, stdout);
    return 0;
}
