package org.apache.http.entity.mime;

/** Stands in for a dependency that the generated client only imports. */
public class MultipartEntityBuilder {}
