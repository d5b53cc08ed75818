package dev.portshim;

import java.lang.annotation.ElementType;
import java.lang.annotation.Retention;
import java.lang.annotation.RetentionPolicy;
import java.lang.annotation.Target;
import org.junit.jupiter.api.extension.ExtendWith;

/** No port is left to whoever asks for any, while the test method runs. Of a class, for each of its tests. */
@Target({ElementType.METHOD, ElementType.TYPE, ElementType.ANNOTATION_TYPE})
@Retention(RetentionPolicy.RUNTIME)
@ExtendWith(PortshimExtension.class)
public @interface Exhausted {
    /** The scopes; all unless given. */
    Scope[] scopes() default {};

    /** So many ports of each scope are left. */
    int leave() default 0;
}
