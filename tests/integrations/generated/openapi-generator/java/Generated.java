package javax.annotation;

/** Stands in for a dependency that the generated client only names. */
public @interface Generated {
    String[] value();

    String comments() default "";

    String date() default "";
}
